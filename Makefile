# `make demo` and `make test` do all the set-up themselves, in a virtual environment of their own.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test check units docs notebooks format clean

demo: $(VENV)/.demo
	$(BIN)/legonet demo build/demo

# Tests wait now and then, for a page or a process; the checks of the text fill the gaps.
test: $(VENV)/.dev
	$(MAKE) --no-print-directory --jobs=2 check units

units: $(VENV)/.dev
	# One thread for each worker. What children import is compiled once, wherever bytecode is switched off.
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

# The site of the documentation, in build/handbook/site.
docs: $(VENV)/.dev
	$(BIN)/python -m handbook

# Runs the documentation's notebooks, and keeps what they show.
notebooks: $(VENV)/.dev
	folder=$$(mktemp -d) && cp docs/notebooks/*.ipynb $$folder && \
	$(BIN)/jupyter execute --inplace --NotebookClient.record_timing=False $$folder/*.ipynb && \
	cp $$folder/*.ipynb docs/notebooks/ && rm -r $$folder

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[demo,studio]'
	touch $@

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.demo
