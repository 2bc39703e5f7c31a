# make run: All vs All over the reference population on all cores. make test: every check.
# Everything lives in $(VENV); it is made when absent and refreshed when the build's sources change.

PYTHON  ?= python3
VENV    ?= .venv
CORES   ?= $(shell getconf _NPROCESSORS_ONLN)
DAYS    ?= 1
CATALOG ?=
OUT     ?= runs/all_vs_all

BIN     := $(VENV)/bin
BUILD   := pyproject.toml setup.py $(wildcard cython/*)
# The directory make itself chose may be written again; one that the user named is refused if used.
FORCE   := $(if $(filter file,$(origin OUT)),--force)
# mpirun hides the terminal from the ranks, so make says whether there is one.
PROGRESS := $(shell test -t 2 && echo --progress=bar)

# Tests that start whole jobs need the cores to themselves; the others share them, file by file.
JOBS         := tests/mpi tests/slurm
ON_ALL_CORES := -n $(CORES) --dist loadfile $(JOBS:%=--ignore=%)

# Only what the extras add: installing the package again would compile every kernel again.
define install_extras
$(BIN)/python -c 'import sys, tomllib; \
    extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
    print("\n".join(line for name in sys.argv[1:] for line in extras[name]))' \
    $(1) > $(VENV)/requires && $(BIN)/pip install --quiet --requirement $(VENV)/requires
endef

.PHONY: help run build test test-long test-slurm bench bench-speed clean
.DEFAULT_GOAL := help

help:
	@echo 'make run         screen All vs All on $(CORES) cores into $(OUT)'
	@echo '                 DAYS=1 (or table: the spans of the handbook)  CATALOG=FILE  OUT=DIR  CORES=N'
	@echo 'make test        lint, types and all tests under a minute each'
	@echo 'make test-long   the tests that take longer'
	@echo 'make test-slurm  the job scripts, on a Slurm cluster of two simulated nodes'
	@echo 'make bench       benchmarks'
	@echo 'make bench-speed the speed table, with astroz beside us'
	@echo 'make build       wheel and source archive into dist/'
	@echo 'make clean       remove what was built (not $(VENV), not runs/)'

run: $(VENV)/installed-run
	$(BIN)/mpirun -n $(CORES) $(BIN)/tracss-hpc run configs/all_vs_all.toml \
	    'run.days=$(DAYS)' 'run.output=$(OUT)' $(if $(CATALOG),'catalog.gp=$(CATALOG)') $(FORCE) $(PROGRESS)

test: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -m 'not long' $(ON_ALL_CORES)
	$(BIN)/pytest -m 'not long' $(JOBS)

# Without a network or Java the tests that read messages with Orekit skip.
test-long: $(VENV)/installed-test
	-$(call install_extras,orekit)
	$(BIN)/pytest -m long $(ON_ALL_CORES)
	$(BIN)/pytest -m long $(JOBS)

test-slurm: $(VENV)/installed-test
	$(BIN)/pytest tests/slurm

bench: $(VENV)/installed-test
	$(BIN)/pytest -s -o python_files='bench_*.py' tests/bench

# Without a network the table comes without the peer.
bench-speed: $(VENV)/installed-test
	-$(call install_extras,bench)
	$(BIN)/python -m tests.bench.speed

build: $(VENV)/installed-test
	$(BIN)/pip install --quiet build
	$(BIN)/python -m build

clean:
	rm -rf build dist *.egg-info tracss_hpc/kernels/*.so .pytest_cache .mypy_cache .ruff_cache
	rm -f $(VENV)/installed-*
	find . -path './$(VENV)' -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo '$(PYTHON) is older than 3.11: make PYTHON=python3.12 ...' >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed-run: $(BUILD) | $(VENV)/bin/python
	@echo 'installing into $(VENV); compiling the kernels takes two minutes'
	$(BIN)/pip install --quiet --editable '.[mpich]'
	@touch $@

$(VENV)/installed-test: $(VENV)/installed-run
	$(call install_extras,test zstd)
	@touch $@
