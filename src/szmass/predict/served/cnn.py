"""What MLflow runs when it loads logged CNN ensembles: y-maps and redshifts in, masses out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ServedCnn(PythonModel):
    """The predictor behind MLflow's `predict`."""

    _skip_type_hint_validation = True  # the signature says it; without this MLflow warns

    def load_context(self, context: PythonModelContext) -> None:
        """Loads ensembles and their record, artifacts of the logged model."""
        from szmass.compton.masses.predictor import Predictor

        folders = (Path(context.artifacts[name]) for name in ("models", "record"))
        self.predictor = Predictor.load(*folders)

    def predict(  # type: ignore[no-untyped-def]
        self,
        context: PythonModelContext,  # noqa: ARG002  # MLflow's signature
        model_input,  # noqa: ANN001  # arrays by name, which MLflow cannot check
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[str, np.ndarray]:
        """Masses of `compton_y` at `redshift`, `(n, ...)` each; what a map is, `checked_map` says.

        Returns:
            Columns of shape `(n,)`. `problem` says why a map has no mass, and is empty for the
            others; such a map has None, JSON's null, in every other column.

        Raises:
            RequestError: no map at all could be used, or `maps_with_redshifts` refuses them.
        """
        from szmass.compton.masses.record import CnnRecordError
        from szmass.predict.cutouts import CutoutError, checked_redshift
        from szmass.predict.served.request import RequestError, checked_map, maps_with_redshifts

        maps, redshifts, problems = [], [], []
        record = self.predictor.record
        for image, value in maps_with_redshifts(model_input):
            try:
                redshift = checked_redshift(value)
                record.bin_names(np.array([redshift]))
                maps.append(checked_map(image, record.grid))
                redshifts.append(redshift)
                problems.append("")
            except (CutoutError, CnnRecordError) as error:
                problems.append(str(error))
        if not maps:
            lines = [f"map {row}: {problem}" for row, problem in enumerate(problems)]
            raise RequestError("\n".join(["no map could be used:", *lines]))
        usable = np.array([not problem for problem in problems])
        columns = self.predictor(np.array(maps), np.array(redshifts))
        return {"problem": np.array(problems)} | {
            name: _in_rows(values.astype(float), usable)
            for name, values in columns.items()
            if values.dtype != object
        }


def _in_rows(values: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """A column of all rows from that of the usable ones; None elsewhere, for NaN is no JSON."""
    if usable.all():
        return values
    column = np.full(len(usable), None, dtype=object)
    column[usable] = values
    return column


set_model(ServedCnn())
