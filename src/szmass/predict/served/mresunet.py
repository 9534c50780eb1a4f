"""What MLflow runs when it loads a logged mResUNet: maps in, masses and SZ profiles out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ServedMresunet(PythonModel):
    """The estimator behind MLflow's `predict`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the model's folder, an artifact of the logged model.

        Raises:
            ModelError: a file was changed since the model was logged.
        """
        from szmass.microwave.network.estimator import ModelError, MresunetEstimator
        from szmass.provenance import sha256

        folder = Path(context.artifacts["model"])
        for name, expected in (context.model_config or {})["sha256"].items():
            if (found := sha256(folder / name)) != expected:
                raise ModelError(
                    f"{folder / name}: changed since it was logged: its sha256 is {found[:12]}..., "
                    f"expected {expected[:12]}...; train it anew"
                )
        self.estimator = MresunetEstimator.load(folder)

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002  # MLflow's signature
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[str, np.ndarray]:
        """Estimates `m200c_msun` (n,) and `sz_uk` (n, y, x) from `temperature_uk` (n, y, x).

        Raises:
            MlflowException: a map cannot be used; over HTTP that is status 400.
        """
        from szmass.microwave.network.estimator import ModelError

        try:
            m200c_msun, sz_uk = self.estimator(model_input)
        except ModelError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return {"m200c_msun": m200c_msun, "sz_uk": sz_uk}


set_model(ServedMresunet())
