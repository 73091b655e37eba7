# make study [SEEDS=3] [STUDY=studies/mine.yaml] [CORES=2]    make test [PYTEST=...]    make check-slow [PYTEST=...]
# make bench [BENCH='point_guidance --device cuda']: one table of speeds; python -m benchmarks --help says what there is.
# Needs Python 3.11 or newer. Everything is installed into .venv, and again only when pyproject.toml has changed.

PYTHON ?= python3
SEEDS ?=
CORES ?= all
STUDY ?=
PYTEST ?=
BENCH ?=
INSTALLED := .venv/.installed
# SEEDS=3 stands for s0, s1, s2; without it, the study's own seeds.
SEED_NAMES := $(if $(SEEDS),$(shell i=0; while [ $$i -lt $(SEEDS) ]; do printf '%ss%s' "$$comma" $$i; comma=,; i=$$((i+1)); done))
SETTINGS := $(if $(STUDY),--configfile $(STUDY)) $(if $(SEEDS),--config 'run={"seeds": [$(SEED_NAMES)]}')

# The rules of the workflow start `python`: it is the environment's.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: study test check-slow bench

study: $(INSTALLED)
	@echo "The study runs; a killed one continues where it stopped when this command is given again"
	@echo "(after a kill -9 or a loss of power, .venv/bin/snakemake --unlock goes before)."
	snakemake --cores $(CORES) --quiet reason host $(SETTINGS)
	@python -c 'import sys; from pathlib import Path; from wssis.config.files import read_study; \
	  study = read_study(Path("config.yaml"), [*map(Path, sys.argv[1:])]).study; \
	  print("The report: results/" + study + "/report/index.html")' $(STUDY)

test: $(INSTALLED)
	pytest -q -n 2 -m "not slow" $(PYTEST)

# Among them a real SLURM on this machine, installed with apt-get where that is possible, skipped where it is not.
check-slow: $(INSTALLED)
	pytest -q -m slow --install-slurm $(PYTEST)

bench: $(INSTALLED)
	python -m benchmarks $(BENCH)

$(INSTALLED): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --editable '.[timm,slurm,test]'
	touch $@
