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
        """Loads ensembles and knowledge, artifacts of the logged model."""
        from szmass.inference.predictor import Predictor

        folders = (Path(context.artifacts[name]) for name in ("models", "knowledge"))
        self.predictor = Predictor.load(*folders)

    def predict(  # type: ignore[no-untyped-def]
        self,
        context: PythonModelContext,  # noqa: ARG002  # MLflow's signature
        model_input,  # noqa: ANN001  # arrays by name, which MLflow cannot check
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[str, np.ndarray]:
        """Masses of `compton_y` (n, y, x) at `redshift` (n,), two arrays by name; all are checked.

        Raises:
            CutoutError: a map or a redshift cannot be used; the message names it.
        """
        from szmass.inference.cutouts import CutoutError, checked_cutout, checked_redshift

        maps, redshifts, grid = [], [], self.predictor.knowledge.grid
        pairs = zip(model_input["compton_y"], np.ravel(model_input["redshift"]), strict=True)
        for row, (image, redshift) in enumerate(pairs):
            try:
                redshifts.append(checked_redshift(redshift))
                maps.append(checked_cutout(image, None, grid))
            except CutoutError as error:
                raise CutoutError(f"map {row}: {error}") from error
        columns = self.predictor(np.array(maps), np.array(redshifts))
        return {
            name: values.astype(float) for name, values in columns.items() if values.dtype != object
        }


set_model(ServedCnn())
