"""The DVC stages: one thin function a file, a folder a line of the pipeline.

A stage's signature is its contract. Positional arguments are the sections of params.yaml that
its result depends on; keyword-only arguments are its paths, as in `params.yaml: paths`. Beside
these a stage may ask for `resources` (what the machine lends; changes no result) and for `run`
(where it reports its progress, see `szmass.reporting.Run`).
"""
