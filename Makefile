# make demo: the main job on real input.  make test: everything, and installs what that needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
REAL := scripts/isolated $(BIN)/python -m

.PHONY: demo test fast lint differential bench readme prerequisites clean

demo: $(STAMP)  ## render an example; with the hub binary also publish and subscribe
	$(BIN)/python scripts/demo

test: $(STAMP) prerequisites lint  ## everything
	rm -rf .coverage .coverage.* artifacts
	$(BIN)/python -m coverage run -m pytest -n auto -m 'not real and not e2e'
	$(BIN)/python scripts/parted real
	$(REAL) coverage run -m pytest -m e2e
	scripts/readme --show
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

fast: $(STAMP)  ## the suite without the real consumers, and without what takes long
	$(BIN)/python -m pytest -q -n auto -m 'not real and not e2e and not slow'

prerequisites:  ## hubs, PHP with Symfony, docker with compose: once, into a cache
	scripts/prerequisites e2e

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

differential: $(STAMP)  ## generated set-ups: what lint simulates, and the real hub; N=5000 SEED=1
	N=$(or $(N),5000) SEED=$(or $(SEED),1) $(REAL) pytest -q -m real tests/real/test_differential.py
	N_FRONTS=$(or $(N_FRONTS),1000) SEED=$(or $(SEED),1) $(REAL) pytest -q -m real tests/real/test_fronts.py

bench: $(STAMP)  ## the ratios of CONTRIBUTING.md
	$(BIN)/python scripts/bench

readme:  ## what docs/ takes from the page, and from the last make test
	scripts/readme
	$(BIN)/python scripts/reference

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --disable-pip-version-check --editable . --group dev
	touch $@

clean:
	rm -rf $(VENV) demo artifacts .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis
