"""Studies: what is asked for by name only, each a package here and a folder `studies/<name>`.

A study's folder holds its settings (params.yaml, and smoke.yaml with what a small run changes), its
dvc.yaml and what it found: table.md, metrics.json, figures/. Its package holds a frozen class of
these settings, and its steps, one function a module, run as `python -m szmass.studies NAME STEP`: a
simulation where the pipeline's maps will not do, a training or another judgement of all its items,
and a report. An item is made again only when what it is made from changes (`items.make_items`).

A step's signature is its contract, as a stage's is. Positional arguments are sections of the
pipeline's params.yaml and `study`, the study's own settings; keyword-only arguments are paths of
the pipeline, `here` (the study's folder), and where asked for `resources` and `run`.
"""
