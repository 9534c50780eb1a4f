"""Settings: one YAML file, read once into frozen typed sections. No defaults live in code."""

from szmass.errors import did_you_mean
from szmass.params.compton import (
    IMPORTED,
    MOCK,
    BaryonModel,
    Cnn,
    Compton,
    Morphology,
    PlanckSky,
    Posterior,
)
from szmass.params.loading import load, load_as, params_of
from szmass.params.microwave import (
    Components,
    Hydro,
    Microwave,
    MicrowaveSets,
    Mresunet,
    Pressure,
    Spectra,
)
from szmass.params.pipeline import Evaluation, Params, Resources
from szmass.params.problems import ParamsError, require
from szmass.params.weighing import GasPrior, Weighing, WeighingMicrowave

__all__ = [
    "IMPORTED",
    "MOCK",
    "BaryonModel",
    "Cnn",
    "Components",
    "Compton",
    "Evaluation",
    "GasPrior",
    "Hydro",
    "Microwave",
    "MicrowaveSets",
    "Morphology",
    "Mresunet",
    "Params",
    "ParamsError",
    "PlanckSky",
    "Posterior",
    "Pressure",
    "Resources",
    "Spectra",
    "Weighing",
    "WeighingMicrowave",
    "did_you_mean",
    "load",
    "load_as",
    "params_of",
    "require",
]
