"""What MLflow runs when it loads a logged mResUNet: maps in, masses and SZ profiles out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class ServedMresunet(PythonModel):
    """The estimator behind MLflow's `predict`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the model's folder, an artifact of the logged model.

        Raises:
            HashError: a file was changed since the training.
        """
        from szmass.microwave.network.estimator import MresunetEstimator

        self.estimator = MresunetEstimator.load(Path(context.artifacts["model"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002  # MLflow's signature
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> dict[str, np.ndarray]:
        """Estimates `m200c_msun` (n,) and `sz_uk` (n, y, x) from `temperature_uk` (n, y, x).

        Raises:
            RequestError: a map cannot be used.
        """
        from szmass.microwave.network.estimator import ModelError
        from szmass.predict.served.request import RequestError

        try:
            m200c_msun, sz_uk = self.estimator(model_input)
        except ModelError as error:
            raise RequestError(str(error)) from error
        return {"m200c_msun": m200c_msun, "sz_uk": sz_uk}


set_model(ServedMresunet())
