"""Runs in MLflow. The only owner of mlflow, beside the models that MLflow serves.

A run is created before anything is computed, so a server that cannot be reached ends the stage
at once. From then on `tracking.delivery` carries every report: a server that is lost costs the
stage neither time nor result.
"""

import os

# read while mlflow is imported; what the user has set stays
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# MLflow alone would try for minutes before it tells that a server is away
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")

from szmass.tracking.comparison import compare, list_stages
from szmass.tracking.datasets import DvcSource
from szmass.tracking.opening import open_run
from szmass.tracking.pages.addresses import pages_in_words
from szmass.tracking.registry import registered_ensemble, registered_mresunet
from szmass.tracking_place import TrackingError

__all__ = [
    "DvcSource",
    "TrackingError",
    "compare",
    "list_stages",
    "open_run",
    "pages_in_words",
    "registered_ensemble",
    "registered_mresunet",
]
