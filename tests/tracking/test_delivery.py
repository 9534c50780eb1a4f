"""Reports reach a service in order, wait while it is away, and never hold up the work."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from time import monotonic, sleep

import pytest

from szmass.tracking.delivery import Delivery


@dataclass
class Service:
    """Keeps what it receives, unless it is away."""

    received: list[str] = field(default_factory=list)
    away: bool = False

    def answer(self) -> None:
        if self.away:
            raise ConnectionError("nobody is here")

    def receive(self, what: str) -> None:
        self.answer()
        self.received.append(what)

    def waits_for(self, count: int) -> None:
        end = monotonic() + 5.0
        while len(self.received) < count and monotonic() < end:
            sleep(0.01)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def delivery(service: Service) -> Delivery:
    return Delivery("the service", service.answer, gather_s=0.02, away_s=0.02)


def report(delivery: Delivery, service: Service, *names: str) -> None:
    for name in names:
        delivery.send(name, partial(service.receive, name))


def test_calls_are_made_in_order_while_the_work_goes_on(service: Service, delivery: Delivery):
    report(delivery, service, "a", "b", "c")
    service.waits_for(3)
    assert service.received == ["a", "b", "c"]
    assert delivery.close() == []


def test_close_makes_the_calls_that_are_left(service: Service):
    slow = Delivery("the service", service.answer, gather_s=60.0)
    report(slow, service, "a", "b")
    assert slow.close() == []
    assert service.received == ["a", "b"]


def test_what_is_reported_in_an_absence_follows_when_the_service_is_back(
    service: Service, delivery: Delivery, caplog: pytest.LogCaptureFixture
):
    service.away = True
    report(delivery, service, "a", "b")
    sleep(0.2)
    assert service.received == []
    (record,) = caplog.records
    assert record.getMessage() == (
        "the service does not answer; the work goes on, and what is reported is kept until it is "
        "back (nobody is here)"
    )

    service.away = False
    service.waits_for(2)

    assert service.received == ["a", "b"]
    assert delivery.close() == []


def test_close_names_what_a_lost_service_never_got(service: Service, delivery: Delivery):
    report(delivery, service, "a")
    service.waits_for(1)
    service.away = True
    report(delivery, service, "b", "c")
    assert delivery.close() == ["b", "c"]


def test_a_refused_call_does_not_hold_up_the_others(
    service: Service, delivery: Delivery, caplog: pytest.LogCaptureFixture
):
    def refused() -> None:
        raise ValueError("a name it cannot take")

    delivery.send("a", refused)
    report(delivery, service, "b")
    assert delivery.close() == ["a"]
    assert service.received == ["b"]
    assert "the service refused a: a name it cannot take" in caplog.text
