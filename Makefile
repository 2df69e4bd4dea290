# `make demo` and `make test` do all set-up on a fresh machine with git, make and Python 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CORES ?= all
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
TABLES := results table1 table2 table3 table4 table5 table6 table7 audit_published
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: help setup demo demo-full tables archive dag docs test test-kill lint bench lock clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.installed  ## install the locked environment into .venv

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "threephase needs Python 3.11 or newer; name one: make PYTHON=python3.12 …")'
	@echo "Installing the locked environment into $(VENV) (once, a few minutes) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --requirement requirements.lock 2>$(VENV)/install.log || { cat $(VENV)/install.log; exit 1; }
	@$(PIP) install --quiet --no-deps --editable . 2>>$(VENV)/install.log || { cat $(VENV)/install.log; exit 1; }
	@touch $@

demo: setup  ## the embedded demo: BBC News, all-MiniLM-L6-v2, every variant; minutes on two cores, no hub
	@$(BIN)/snakemake --quiet rules host --cores $(CORES)
	@$(BIN)/threephase summary results

demo-full: setup  ## the demo with five seeds for every variant and longer texts
	@$(BIN)/snakemake --quiet rules host --cores $(CORES) --configfile config/config.yaml config/demo-full.yaml
	@$(BIN)/threephase summary results

tables: setup  ## the tables again, from the runs that exist; trains nothing
	@$(BIN)/snakemake --quiet rules host --cores 1 --config 'tables={partial: true}' \
	  --allowed-rules $(TABLES) --forcerun $(TABLES)

archive:  ## results, config and Snakemake's records in one file; unpacked beside another checkout, nothing runs again
	@tar -czf threephase-results.tar.gz --exclude=results/unfinished --exclude='results/studies/*/trainings' \
	  --exclude='*.partial' results config .snakemake/metadata
	@echo "threephase-results.tar.gz: unpack it in a checkout of the same commit (tar -xzf)"

dag: setup  ## draw the rules, and the phases that variants share, as SVG into results/dag
	@$(BIN)/snakemake --quiet all --forceall --rulegraph | $(BIN)/threephase dag results/dag

docs: setup  ## config/schema.json and docs/config.md from the settings' definitions
	@$(BIN)/threephase config docs

# One thread: trainings of tiny models gain nothing from two, and spin beside one another.
test: setup lint  ## linters, type checker and every test
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest

test-kill: setup  ## the tests of killed runs alone, with 120 kills of trainings and 12 of whole workflows
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --kills 120 tests/test_kills.py tests/workflow/test_faults.py

lint: setup  ## formatters and linters alone
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/snakemake --lint --quiet
	@$(BIN)/mypy

bench: setup  ## speed of each phase beside the libraries' own paths, into benchmarks/results.md (half an hour)
	@$(PIP) install --quiet --no-deps setfit==1.2.0 || echo "without SetFit"
	@$(BIN)/python -m benchmarks.run

lock:  ## resolve pyproject.toml anew into requirements.lock and environment.yml (needs uv)
	@{ echo "# Made by 'make lock' from pyproject.toml; CUDA's own packages come with torch where there are any."; \
	   echo "torch==2.13.0" | uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	     --constraint - --no-header --no-annotate --quiet | grep -viE '^(nvidia|cuda|triton)'; } > requirements.lock
	@{ echo "# Made by 'make lock': the pins of requirements.lock for conda. Afterwards: pip install --no-deps --editable ."; \
	   echo "name: threephase"; echo "channels: [conda-forge, nodefaults]"; echo "dependencies:"; \
	   echo "  - python=3.11"; echo "  - pip"; echo "  - pip:"; \
	   grep -v '^#' requirements.lock | sed 's/.*/      - "&"/'; } > environment.yml

clean:  ## remove the environment, results and caches
	rm -rf $(VENV) results .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
