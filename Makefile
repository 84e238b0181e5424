# Two commands for a reader, `make serve` and `make test`; each does its own set-up, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/installed
# The theme's advertisement for its successor, which DESIGN weighs, is no news at every build.
export NO_MKDOCS_2_WARNING := 1

.PHONY: serve build offline validate test lint style types unit outputs labs scenes bench faults

serve: $(READY)
	$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

build: $(READY)
	$(BIN)/mkdocs build --strict

offline: build
	$(BIN)/python -m tools.offline site derive-and-run.zip

# Needs npm's registry, once: a development tool, pinned in tools/validate/package-lock.json.
validate: build
	$(BIN)/python -m tools.validate site

# --no-deps: requirements.txt is complete, so nothing is resolved and nothing unpinned arrives.
$(READY): requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile -r $<
	touch $@

# One process a core, each with one thread of its own: sums in one order, and nobody waits.
test unit faults: export OMP_NUM_THREADS := 1
test unit: export PYTEST_ADDOPTS := --numprocesses 2 --dist worksteal

# Types and site take one process each, and long: both at once.
test: style unit
	$(BIN)/pytest --codeblocks docs README.md || { $(BIN)/python -m tools.outputs --check; false; }
	$(MAKE) --jobs 2 types build
	$(BIN)/pytest tests/browser

lint: style types

style: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/basedpyright --level error

unit: $(READY)
	$(BIN)/pytest --ignore tests/browser -m "not refusal"
	$(BIN)/pytest --ignore tests/browser -m refusal --no-shape-checks

outputs: $(READY)
	$(BIN)/python -m tools.outputs

labs: $(READY)
	$(BIN)/python -m tools.labs $(ARGS)

scenes: $(READY)
	$(BIN)/python -m tools.scenes

bench: $(READY)
	$(BIN)/python benchmarks/nice.py
	$(BIN)/python benchmarks/rotary.py

faults: $(READY)
	$(BIN)/python -m tools.faults $(ARGS)
