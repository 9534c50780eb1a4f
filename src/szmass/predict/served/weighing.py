"""What MLflow runs when it loads a logged record of weighing: maps and redshifts in, masses out."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ServedWeighing(PythonModel):
    """The estimator behind MLflow's `predict`."""

    _skip_type_hint_validation = True  # the signature says it; without this MLflow warns

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the record, an artifact of the logged model; products run in the request's thread.

        Weighing sees to that itself, but requests side by side would undo it for each other.
        """
        from threadpoolctl import threadpool_limits

        from szmass.weighing.record import Record
        from szmass.weighing.weigher import Weigher

        self.turn = Lock()  # requests that compute side by side make one another slower
        self.weigher = Weigher(Record.read(Path(context.artifacts["record"])))
        threadpool_limits(1)

    def predict(  # type: ignore[no-untyped-def]
        self,
        context: PythonModelContext,  # noqa: ARG002  # MLflow's signature
        model_input,  # noqa: ANN001  # arrays by name, which MLflow cannot check
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[str, np.ndarray]:
        """Masses of `compton_y` at `redshift`, `(n, ...)` each; what a map is, `checked_map` says.

        With the prior of the survey's population and the record's reference gas.

        Returns:
            The columns of `Weigher` and of its `novelty`, `(n,)` each.

        Raises:
            RequestError: maps cannot be used; each is named, or `maps_with_redshifts` refuses
                them.
        """
        from szmass.predict.cutouts import CutoutError, checked_redshift
        from szmass.predict.served.request import RequestError, checked_map, maps_with_redshifts

        facts = self.weigher.record.facts
        maps, redshifts, problems = [], [], []
        for row, (image, value) in enumerate(maps_with_redshifts(model_input)):
            try:
                redshifts.append(checked_redshift(value))
                maps.append(checked_map(image, facts.grid))
            except CutoutError as error:
                problems.append(f"map {row}: {error}")
        if problems:
            raise RequestError("\n".join(problems))
        with self.turn:
            inputs = self.weigher.inputs(np.array(maps), np.array(redshifts))
            masses = self.weigher(inputs, prior=facts.survey_prior, gas=facts.reference_gas)
            return masses | self.weigher.novelty(inputs, masses["m500_msun"])


set_model(ServedWeighing())
