# The project's commands. `make` alone lists them.
PYTHON ?= python3.11
LOCK ?= requirements.lock
BIN := .venv/bin
INSTALLED := .venv/installed-$(LOCK)
# trust the machine's certificates, as a company proxy needs
export UV_SYSTEM_CERTS ?= 1
# compiled once, a stage starts twice as fast
unexport PYTHONDONTWRITEBYTECODE
# the stages call `python`: the environment's
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup repro test faults lint schema docs plots bench lock clean

help:    ## what can be made
	@grep -hE '^[a-z]+: .*##' Makefile | sed -E 's/^([a-z]+):[^#]*## /  make \1\t/' | expand -t 16

setup: $(INSTALLED)    ## the environment in .venv, from LOCK (or requirements-gpu.lock)

$(INSTALLED): $(LOCK) pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) found; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/uv || $(PYTHON) -m venv .venv || { echo "make: $(PYTHON) cannot make .venv; on Debian install python3.11-venv, then type it again" >&2; exit 1; }
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r $(LOCK)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@rm -f .venv/installed-* && touch $@

repro: setup    ## the pipeline, then its table
	$(BIN)/dvc repro
	@$(BIN)/szmass summary

test: lint    ## lint, types, tests, and the whole pipeline at scale smoke
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# `make faults MINUTES=5 SEED=7 ONLY=test_of_the_workspace`: all three may be left out
faults: setup    ## what breaks when things go wrong, at random for half an hour: MINUTES, SEED, ONLY
	$(BIN)/pytest --numprocesses 2 --dist worksteal --timeout 0 -k "$(ONLY)" \
	  $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) \
	  tests/faults --fuzz-files 5000 tests/predict/test_fuzz.py

lint: setup    ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

schema: setup    ## params.schema.json, which editors check params.yaml by
	$(BIN)/python -m szmass.params.schema

docs: setup    ## the pages of docs/ as a site, site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

plots: setup    ## has `dvc plots` write pages that open without a network
	$(BIN)/uv run --no-project --quiet --python $(BIN)/python --with $(VEGA) python .dvc/plots/offline_page.py .dvc/plots/page.html
	$(BIN)/dvc config --local plots.html_template plots/page.html

VEGA := vl-convert-python==1.9.0.post1

bench: setup    ## what benchmarks/ measures, one script after the other
	@set -e; for script in benchmarks/*.py; do echo "$$script"; $(BIN)/python "$$script"; done

lock: setup    ## the pinned requirements, anew from pyproject.toml
	$(COMPILE) $(EXTRAS) -o requirements.lock
	$(COMPILE) $(EXTRAS) --extra gpu -o requirements-gpu.lock

EXTRAS = $(addprefix --extra ,pipeline jax remotes server docs dev)
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --custom-compile-command "make lock" pyproject.toml

clean:    ## removes the environment and the site; data and models stay
	rm -rf .venv site .mypy_cache .pytest_cache .ruff_cache
