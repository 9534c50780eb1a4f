"""Masses of galaxy clusters from images of the Sunyaev-Zel'dovich effect.

Data moves in one direction, a DVC stage an arrow (see dvc.yaml):

    tabulate_spectra -> spectra -> simulate_microwave -> maps -> validate_microwave -> verdict
    maps + verdict -> train_mresunet -> network -> evaluate_mresunet -> metrics, figures, table

`units` <- `sky` (physics, numpy alone) <- `simulation` (samples at scale, on disk) <- `learning`
(networks) <- `inference` (masses from maps), and `evaluation` (judgement) beside them. A stage in
`stages` reads, calls these and writes; `__main__` runs it, `cli` is what a person types.
"""

__version__ = "0.1.0"
