# make demo: the main job on real input.  make test: everything, and installs what that needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test fast lint bench prerequisites clean

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --editable . --group dev
	touch $@

fast: $(STAMP)  ## the suite without the real consumers
	$(BIN)/python -m pytest -q -m 'not real and not e2e'

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .cache demo artifacts .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis
