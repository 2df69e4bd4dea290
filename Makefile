# `make demo` and `make test` do all set-up on a fresh machine with git, make and Python 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CORES ?= all
CONFIG ?= config/config.yaml
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
TABLES = $(shell sed -nE 's/^(use rule [a-z0-9_]+ as|rule) ([a-z0-9_]+).*/\2/p' rules/tables.smk rules/report.smk)
# Show what a command says only where it fails.
quietly = said=$$($(1) 2>&1) || { echo "$$said"; exit 1; }
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: help setup demo demo-full tables report archive dag docs test test-fast test-kill fuzz lint audit bench lock clean

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

demo: setup  ## the embedded demo: BBC News with few labels, all-MiniLM-L6-v2; minutes on two cores, no hub
	@$(BIN)/threephase run --quiet host --cores $(CORES)
	@$(BIN)/threephase summary results

demo-full: setup  ## every ablation on uneven classes, five seeds, longer texts
	@$(BIN)/threephase run config/config.yaml config/demo-full.yaml --quiet host --cores $(CORES)
	@$(BIN)/threephase summary results

# Every rule that is forced is asked for; two of them are made only where the config has what they show.
tables: setup  ## the tables again, from the runs that exist; trains nothing: make tables CONFIG=my-data.yaml
	@$(BIN)/threephase run $(CONFIG) --quiet rules host --cores 1 --config 'tables={partial: true}' \
	  --allowed-rules $(TABLES) --forcerun $(filter-out over_datasets audit_published,$(TABLES))

report: setup  ## the page of everything that came out, and what it still needs: make report CONFIG=my-data.yaml
	@$(BIN)/threephase run $(CONFIG) --quiet rules host --cores $(CORES) -- report

archive:  ## results, config and Snakemake's records in one file; unpacked beside another checkout, nothing runs again
	@tar -czf threephase-results.tar.gz --exclude=results/unfinished --exclude='results/studies/*/trainings' \
	  --exclude='*.partial' --exclude='*.partial.*' results config .snakemake/metadata
	@echo "threephase-results.tar.gz: unpack it in a checkout of the same commit (tar -xzf)"

dag: setup  ## draw the rules, and the phases that variants share: results/dag/index.html, for any browser
	@$(BIN)/snakemake --quiet all --forceall --rulegraph mermaid-js | $(BIN)/threephase dag results/dag

docs: setup  ## config/schema.json and docs/config.md from the settings' definitions
	@$(BIN)/threephase config docs

# One thread: trainings of tiny models gain nothing from two, and spin beside one another. Workers share the files of
# tests, whose finished grids are made once; one more than there are cores, for the tests of clusters mostly wait. The
# files that take longest begin first (tests/conftest.py), not those of the most tests.
WORKERS ?= 3
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

test: setup lint  ## linters, type checker and every test
	@$(PYTEST)

SLOW := workflow slurm jobs tuning phases plan

test-fast: setup  ## what takes seconds, for daily work: no workflow, no cluster, no kills, no studies
	@$(PYTEST) $(filter-out $(SLOW:%=tests/%/),$(wildcard tests/*/)) \
	  --ignore tests/data/test_hub.py

test-kill: setup  ## the tests of killed runs alone, with 120 kills of trainings and 12 of whole workflows
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest --kills 120 tests/jobs/test_kills.py tests/workflow/test_faults.py

# Minutes for each of the tests in the file.
MINUTES ?= 5
fuzz: setup  ## odd configs, data files, command lines and records for an hour: MINUTES=5 for each of a dozen kinds
	@$(BIN)/python -m pytest -o timeout=0 --fuzz $(MINUTES) tests/test_fuzz.py

lint: setup  ## formatters and linters alone
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/snakemake --lint --quiet
	@$(BIN)/mypy
	@$(call quietly,$(BIN)/lint-imports --no-logo)
	@$(call quietly,$(BIN)/deptry .)

audit:  ## known faults of the locked packages (fetches pip-audit into .venv-audit, and its database; needs a network)
	@test -x $(VENV)-audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)-audit \
	  && $(VENV)-audit/bin/python -m pip --disable-pip-version-check install --quiet pip-audit; }
	@$(VENV)-audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

bench: setup  ## speed of each phase beside the libraries' own paths, into benchmarks/results.md (half an hour)
	@$(BIN)/python -m benchmarks.run

# All extras but two trackers, which nobody needs for the demo or the tests (pyproject.toml).
LOCKED := demo dag slurm sentencepiece xlsx setfit onnx tensorboard dev
lock:  ## resolve pyproject.toml anew into requirements.lock and environment.yml (needs uv)
	@{ echo "# Made by 'make lock' from pyproject.toml; CUDA's own packages come with torch where there are any."; \
	   echo "torch==2.13.0" | uv pip compile pyproject.toml $(LOCKED:%=--extra %) --universal --python-version 3.11 \
	     --constraint - --no-header --no-annotate --quiet | grep -viE '^(nvidia|cuda|triton)'; } > requirements.lock
	@{ echo "# Made by 'make lock': the pins of requirements.lock for conda. Afterwards: pip install --no-deps --editable ."; \
	   echo "name: threephase"; echo "channels: [conda-forge, nodefaults]"; echo "dependencies:"; \
	   echo "  - python=3.11"; echo "  - pip"; echo "  - pip:"; \
	   grep -v '^#' requirements.lock | sed 's/.*/      - "&"/'; } > environment.yml

clean:  ## remove the environment, results and caches
	rm -rf $(VENV) $(VENV)-audit results .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
