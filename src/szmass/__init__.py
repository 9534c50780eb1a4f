"""Masses of galaxy clusters from images of the Sunyaev-Zel'dovich effect.

Data moves in one direction, a DVC stage an arrow (see dvc.yaml):

    tabulate_spectra -> spectra -> simulate_microwave -> maps -> validate_microwave -> verdict
    maps + verdict -> train_mresunet -> network -> evaluate_mresunet -> metrics, figures, table

    make_planck_sky -> y-map, noise ; simulate_clusters -> clean maps ; add_planck_noise -> noisy
    y-map -> cut_psz2 -> cutouts ; all maps -> validate_compton -> verdict
    maps + verdict -> train_cnn (a bin) -> ensembles -> evaluate_cnn -> metrics, figures, table
    cutouts + ensembles -> infer_psz2 -> masses of PSZ2 ; simulate_hydro -> evaluate_hydro

    simulate_training_clusters -> amplitudes -> train_weighing -> record
    record + test clusters -> evaluate_weighing -> verdict
    a survey's file -> train_survey (a survey) -> record, verdict
    150 GHz maps -> weigh_microwave -> verdict
    record + both verdicts + cutouts -> weigh_psz2 -> the catalogue of PSZ2

`units` <- `sky` (physics, numpy alone) <- `storage` <- `networks`, `evaluation`, `validation` <-
`microwave`, `planck` and `compton` (the papers), `weighing` (our estimator) <- `predict`. A stage
in `stages` reads, calls these and writes; `__main__` runs it, `cli` is what a person types.

`weigh`, of `predict.weighing`, is for Python: y-maps and redshifts in, masses out.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "__version__",
    "weigh",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Imports `szmass.weigh` when it is first asked for, so that `import szmass` stays light.

    By name, for whatever imports any part of szmass imports this module too.
    """
    if name == "weigh":
        from importlib import import_module

        return import_module("szmass.predict.weighing").weigh
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
