"""Sends reports from a thread of its own, to a service that may be away for a while."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Event, Thread

GATHER_S = 1.0
AWAY_S = 10.0

logger = logging.getLogger(__name__)


class Delivery:
    """Makes calls to a service in their order, so that whoever reports neither waits nor fails.

    While the service does not answer, calls wait, and follow when it is back. A call that fails
    although the service answers is made once more, then given up.

    Args:
        service: what messages call it.
        ask: asks the service for something small; raises where it is away.
        gather_s: seconds between two rounds of calls.
        away_s: the same while the service is away.
    """

    def __init__(
        self,
        service: str,
        ask: Callable[[], object],
        *,
        gather_s: float = GATHER_S,
        away_s: float = AWAY_S,
    ) -> None:
        self._service, self._ask = service, ask
        self._gather_s, self._away_s = gather_s, away_s
        self._calls: deque[tuple[str, Callable[[], object]]] = deque()
        self._refused: list[str] = []
        self._away = False
        self._closing = Event()
        self._thread = Thread(target=self._work, name="delivery", daemon=True)
        self._thread.start()

    def send(self, what: str, call: Callable[[], object]) -> None:
        """Has `call()` made soon; `what` names it should it fail."""
        self._calls.append((what, call))

    def close(self) -> list[str]:
        """Makes the calls that are left, and returns the names of those that failed."""
        self._closing.set()
        self._thread.join()
        return self._refused + [what for what, _ in self._calls]

    def _work(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(self._away_s if self._away else self._gather_s)
            self._round()

    def _round(self) -> None:
        """Makes every waiting call, or stops at the first one that finds the service away."""
        while self._calls:
            what, call = self._calls[0]
            error = self._attempt(call)
            if error and self._answers(error):
                error = self._attempt(call)
                if error and self._answers(error):
                    logger.warning("%s refused %s: %s", self._service, what, error)
                    self._refused.append(what)
                    error = None
            if error:
                return
            self._away = False
            self._calls.popleft()

    @staticmethod
    def _attempt(call: Callable[[], object]) -> Exception | None:
        try:
            call()
        except Exception as error:  # noqa: BLE001  # a report never ends the work it reports on
            return error
        return None

    def _answers(self, error: Exception) -> bool:
        """Whether the service is there although a call failed; warns once when it is away."""
        if self._attempt(self._ask) is None:
            return True
        if not self._away:
            logger.warning(
                "%s does not answer; the work goes on, and what is reported is kept until it is "
                "back (%s)",
                self._service,
                error,
            )
        self._away = True
        return False
