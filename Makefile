# `make run` and `make test`: each alone sets everything up on a fresh machine with Python ≥ 3.11 and make.
PYTHON ?= python3
LOCK ?= envs/cpu.lock # envs/cuda.lock on a machine with an NVIDIA GPU
DATA ?=               # a folder that holds mars1/ and gcms/: the tests on real runs need it
ONLY ?=

WITH_DATA = $(if $(strip $(DATA)),IONSCAPE_DATA=$(abspath $(strip $(DATA))))
BIN = .venv/bin
SMK = Snakefile workflow/rules

.PHONY: help venv run status test audit slurm faults networks bundle check format docs backbones lock

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

STAMP = .venv/.$(notdir $(strip $(LOCK))) # what a run needs is installed, and the package itself
DEV = .venv/.dev.lock # so is what tests and checks need

$(STAMP): $(strip $(LOCK)) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, found " + sys.version)'
	$(PYTHON) -m venv .venv
	$(PIP) -r $<
	$(PIP) --no-deps --no-build-isolation --editable .
	@rm -f .venv/.*.lock && touch $@

$(DEV): envs/dev.lock $(STAMP)
	$(PIP) -r $<
	@touch $@

venv: $(STAMP) ## .venv with ionscape and its pinned dependencies, those of LOCK

run: $(STAMP) ## the example, from simulated runs to a leaderboard, a submission and report.html
	@[ -t 2 ] && bars="--logger rich"; \
	$(BIN)/snakemake --cores all --report report.html --report-after-run $$bars > .venv/run.out # which holds the leaderboard too
	@cat results/example/ensemble/leaderboard.txt
	@echo "Report:  report.html"

status: $(STAMP) ## where each training stands, of the run that was started last or of RUN=name
	@$(BIN)/ionscape status $(RUN)

check: $(DEV) ## formatting, lint, types, layers and security of Python and Snakemake files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive workflow envs
	$(BIN)/snakefmt --check $(SMK)
	$(BIN)/snakemake --lint

test: check ## check, then all tests
	$(WITH_DATA) $(BIN)/python -m pytest tests/unit -n auto
	$(BIN)/python -m pytest tests/workflow tests/gpu tests/benchmarks -n 2 --dist loadfile # one trains while the other starts
	$(WITH_DATA) $(BIN)/python -m pytest tests/faults

audit: $(DEV) ## known vulnerabilities of the pinned packages, where the service that knows them answers
	$(BIN)/python envs/audit.py

slurm: $(DEV) ## the tests on a Slurm cluster made here (root; slurmctld, slurmd, slurm-client, munge), or ONLY=some
	IONSCAPE_SLURM=1 $(BIN)/python -m pytest tests/slurm $(if $(ONLY),-k "$(ONLY)")

faults: $(DEV) ## hostile input and bad days by the thousand, two hours, or ONLY=some parts: docs/robustness.md
	PYTHONPATH=workflow/scripts:tests/unit:tests/faults $(BIN)/python tests/faults/robustness.py $(ONLY) \
		$(if $(DATA),--runs $(wildcard $(strip $(DATA))/gcms/train_features/*0.csv))

bundle: $(STAMP) ## what a machine with a GPU and no network needs beside the repository, in gpu-bundle/: tests/gpu/README.md
	$(BIN)/python tests/gpu/bundle.py --data $(or $(strip $(DATA)),$(error DATA=FOLDER that holds mars1/))

networks: $(DEV) ## each network of the presets trains at full size, or ONLY=some: hours on a CPU, minutes on a GPU
	$(BIN)/python -m pytest tests/unit/test_preset_networks.py -m full --durations 0 $(if $(ONLY),-k "$(ONLY)")

format: $(DEV) ## formats all files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt $(SMK)

docs: $(STAMP) ## the configuration's reference and its schema for editors, made of the settings
	$(BIN)/ionscape docs docs/config.md workflow/schemas/config.schema.json

backbones: $(STAMP) ## the list of timm's backbones that fit our images (20 minutes; after a new timm)
	$(BIN)/ionscape backbones workflow/scripts/ionscape/models/image/backbones.json

lock: $(DEV) ## pins all that pyproject.toml asks for
	PATH="$(abspath $(BIN)):$$PATH" envs/lock.sh
