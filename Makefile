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
# Asked to keep nothing that it compiles, as in many containers, Python would compile all libraries anew for each job.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo demo-full tables report archive reproduce reproduction reproduce-check dag docs test test-fast test-kill fuzz lint audit bench peers gpu-check lock clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.installed  ## install the locked environment into .venv

# The locks name every package, so pip looks for no more (--no-deps), and takes none whose hash is another. Python compiles
# a module when it is first imported; to compile all of them while they are installed takes longer than the rest. Where it
# is asked to keep nothing, what jobs import is compiled here.
LOCKED := --no-compile --no-deps --require-hashes --requirement
# The pip of an older Python unpacks the same files half as fast; where no newer one can be had, it does.
NEW_PIP := 'pip>=26'
# A build of torch for CPUs comes first, where some index or folder has it: among files of one requirement, pip prefers
# those whose index says their hash, whatever their version, which would be the gigabytes for CUDA.
$(VENV)/.installed: requirements.lock requirements-cpu.lock requirements-cuda.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "threephase needs Python 3.11 or newer; name one: make PYTHON=python3.12 …")'
	@echo "Installing the locked environment into $(VENV) (once, a minute or two) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --upgrade $(NEW_PIP) >$(VENV)/install.log 2>&1 || true
	@$(PIP) install --quiet $(LOCKED) requirements-cpu.lock >$(VENV)/install.log 2>&1 || true
	@{ $(PIP) install --quiet $(LOCKED) requirements.lock \
	  && { ! $(PIP) show torch | grep -q '^Requires:.*nvidia' || $(PIP) install --quiet $(LOCKED) requirements-cuda.lock; }; \
	  } 2>$(VENV)/install.log || { cat $(VENV)/install.log; exit 1; }
	@$(PIP) install --quiet --no-deps --editable . 2>>$(VENV)/install.log || { cat $(VENV)/install.log; exit 1; }
	@$(if $(PYTHONDONTWRITEBYTECODE),$(BIN)/python -c 'import snakemake.cli; from threephase.jobs.warm import load; load()')
	@touch $@

demo: setup  ## the embedded demo: BBC News with few labels, all-MiniLM-L6-v2; minutes on two cores, no hub
	@$(BIN)/threephase run --quiet host --cores $(CORES)
	@$(BIN)/threephase summary results

demo-full: setup  ## every ablation on uneven classes, five seeds, longer texts
	@$(BIN)/threephase run config/config.yaml config/demo-full.yaml --quiet host --cores $(CORES)
	@$(BIN)/threephase summary results

# Every rule that is forced is asked for; three of them are made only where the config has what they show.
tables: setup  ## the tables again, from the runs that exist; trains nothing: make tables CONFIG=my-data.yaml
	@$(BIN)/threephase run $(CONFIG) --quiet rules host --cores 1 --config 'tables={partial: true}' \
	  --allowed-rules $(TABLES) --forcerun $(filter-out over_datasets studies audit_published,$(TABLES))

report: setup  ## the page of everything that came out, and what it still needs: make report CONFIG=my-data.yaml
	@$(BIN)/threephase run $(CONFIG) --quiet rules host --cores $(CORES) -- report

archive:  ## results, config and Snakemake's records in one file; unpacked beside another checkout, nothing runs again
	@tar -czf threephase-results.tar.gz --exclude=results/unfinished --exclude='results/studies/*/trainings' \
	  --exclude='*.partial' --exclude='*.partial.*' results config .snakemake/metadata
	@echo "threephase-results.tar.gz: unpack it in a checkout of the same commit (tar -xzf)"

# The grid of config/reproduction.yaml, from copies of its datasets in DATA, or from hubs where none is given.
COPIES = $(if $(DATA),--config data_root=$(abspath $(DATA)))
GRID = $(patsubst %,config/%.yaml,paper capped forensics reproduction)
BROKEN_OFF = $(wildcard sittings/*/results)
AGAIN ?= reproduce-check
DRAW ?= 1

reproduce: setup  ## what is missing of the reproduction, packed dataset by dataset: make reproduce DATA=<folder of copies>
	@$(BIN)/threephase reproduction run --configfile $(GRID) $(COPIES) --cores $(CORES); \
	  code=$$?; $(BIN)/threephase reproduction write && exit $$code

reproduction: setup  ## what a broken-off sitting has done, packed beside the rest, and docs/reproduction.md from that alone
	@$(if $(BROKEN_OFF),$(BIN)/threephase reproduction pack --configfile $(GRID) $(COPIES) --results $(BROKEN_OFF))
	@$(BIN)/threephase reproduction write

reproduce-check: setup  ## a drawn tenth of the committed runs once more, compared with these within intervals: DRAW=2 …
	@$(BIN)/threephase reproduction draw $(AGAIN)/drawn.yaml --draw $(DRAW)
	@$(BIN)/threephase run $(GRID) $(AGAIN)/drawn.yaml --quiet host --cores $(CORES) --keep-going \
	  --directory $(AGAIN) $(COPIES) -- results; \
	  $(BIN)/threephase reproduction compare --configfile $(GRID) $(AGAIN)/drawn.yaml \
	  $(COPIES) --results $(AGAIN)/results

dag: setup  ## draw the rules, and the phases that variants share: results/dag/index.html, for any browser
	@$(BIN)/snakemake --quiet all --forceall --rulegraph mermaid-js | $(BIN)/threephase dag results/dag

docs: setup  ## config/schema.json and docs/config.md from the settings, and the site build/site; a warning is an error
	@$(BIN)/threephase config docs
	@$(call quietly,$(BIN)/zensical build --clean --strict)
	@echo "build/site/index.html"

# Workers share the files of tests, whose finished grids are made once; one more than there are cores, for the tests of
# clusters mostly wait, and no more than the memory of a laptop holds. The files that take longest begin first
# (tests/conftest.py), not those of the most tests.
WORKERS ?= $(shell $(BIN)/python -c "import os; print(min(os.cpu_count() + 1, 6))")
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

test: setup lint  ## linters, type checker and every test
	@$(PYTEST)

SLOW := workflow slurm jobs tuning phases plan

test-fast: setup  ## what takes seconds, for daily work: no workflow, no cluster, no kills, no studies
	@$(PYTEST) $(filter-out $(SLOW:%=tests/%/),$(wildcard tests/*/)) \
	  --ignore tests/data/test_hub.py

test-kill: setup  ## the tests of killed runs alone, with 120 kills of trainings and 12 of whole workflows
	@$(BIN)/python -m pytest --kills 120 tests/jobs/test_kills.py tests/workflow/test_faults.py

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

peers: setup  ## ours beside SetFit, the libraries' trainers and scikit-learn on the demo's rows, into benchmarks/peers.md (hours)
	@$(BIN)/python -m benchmarks.peers --rows demo

gpu-check: setup  ## on a machine with a GPU: every phase's losses beside a CPU's, speed and memory, into benchmarks/gpu.md
	@$(BIN)/python -m benchmarks.gpu

# All extras but two trackers, which nobody needs for the demo or the tests (pyproject.toml).
EXTRAS := demo dag slurm sentencepiece xlsx setfit onnx docs tensorboard dev
TORCH := 2.13.0
lock:  ## resolve pyproject.toml anew into the locks and environment.yml (needs uv); PINS=requirements.lock keeps versions
	@echo "torch==$(TORCH)" | uv pip compile pyproject.toml $(EXTRAS:%=--extra %) --universal --python-version 3.11 --generate-hashes \
	  --constraint - $(PINS:%=--constraint %) --no-header --no-annotate --quiet --output-file .lock.partial --upgrade
	@awk 'BEGIN { print "# Made by '"'make lock'"' from pyproject.toml; what torch needs for CUDA: requirements-cuda.lock." > "requirements.lock"; \
	    print "# Made by '"'make lock'"': what torch needs besides on Linux, unless it is a build for CPUs." > "requirements-cuda.lock" } \
	  /^[a-z]/ { cuda = /^(nvidia|cuda|triton)/ } \
	  { print > (cuda ? "requirements-cuda.lock" : "requirements.lock") }' .lock.partial && rm .lock.partial
	@{ echo "# Made by 'make lock': the pins of requirements.lock for conda. Afterwards: pip install --no-deps --editable ."; \
	   echo "name: threephase"; echo "channels: [conda-forge, nodefaults]"; echo "dependencies:"; \
	   echo "  - python=3.11"; echo "  - pip"; echo "  - pip:"; \
	   sed -nE 's/^([a-z].*[^ ]) *\\$$/      - "\1"/p' requirements.lock; } > environment.yml

clean:  ## remove the environment, results and caches
	rm -rf $(VENV) $(VENV)-audit results .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
