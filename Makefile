# Two commands for a reader, `make serve` and `make test`; each does its own set-up, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/installed
# The theme's advertisement for its successor, which DESIGN weighs, is no news at every build.
export NO_MKDOCS_2_WARNING := 1

.PHONY: serve build offline validate test lint style types unit outputs labs scenes bench faults
.PHONY: mutants audit

serve: $(READY)
	$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

build: $(READY)
	$(BIN)/mkdocs build --strict

offline: build
	$(BIN)/python -m tools.offline site derive-and-run.zip

# Development tools that readers never need, each with pins of its own, kept out of the environment.
.cache/%-tools: tools/%/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target $@ --upgrade -r $<
	touch $@

mutants: $(READY) .cache/mutation-tools
	PYTHONPATH=.cache/mutation-tools $(BIN)/python -m tools.mutation $(ARGS)

audit: $(READY) .cache/audit-tools
	PYTHONPATH=.cache/audit-tools $(BIN)/python -m pip_audit --no-deps --disable-pip \
		-r requirements.txt

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

# Two threads for numpy too, and the kernels that it would choose by itself.
bench: $(READY)
	env -u OMP_NUM_THREADS -u OPENBLAS_CORETYPE $(BIN)/pytest benchmarks/bench.py \
		-p benchmark -p no:xdist --benchmark-quiet --benchmark-disable-gc --verbose -W default $(ARGS)
	$(BIN)/python -m tools.ratios

faults: $(READY)
	$(BIN)/python -m tools.faults $(ARGS)
