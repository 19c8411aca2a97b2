# genlab: `make lab` opens the series, `make test` checks everything, `make help` lists the rest.
#
# Every target sets up .venv first where it is missing or older than what it is made from.
# TORCH=cpu takes torch without CUDA (0.2 GB instead of 5 GB): the choice is made once, at set-up.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help lab test lint types unit notebook-tests device-tests on-the-pretended browser-tests test-colab test-lowest notebooks bench speedrun student slides bundle wheel lock clean

PYTHON ?= python3
BIN := .venv/bin
SETUP := .venv/.set-up
COLAB := .venv-colab
UV := $(shell command -v uv)
PYTEST := $(BIN)/python -m pytest -q
# Two tests run at a time, with a core each: more threads would only wait for one another.
LOWEST := .venv-lowest
LOWEST_TOOLS := pytest pytest-xdist nbval diffusers torchmetrics tensorboard denoising-diffusion-pytorch PyYAML ninja
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
# Kernels run in notebooks/, so a relative path would lead elsewhere there.
ifneq ($(GENLAB_DATA),)
export GENLAB_DATA := $(abspath $(GENLAB_DATA))
endif
# Without cached bytecode every test process and every kernel would compile torch anew.
unexport PYTHONDONTWRITEBYTECODE
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)
SCREEN := $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname -s)))
BROWSER_FLAG := $(if $(SCREEN),,--no-browser)

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(SETUP): pyproject.toml requirements.lock
ifeq ($(UV),)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "genlab needs Python 3.11 to 3.13 and $(PYTHON) is another: make lab PYTHON=/path/to/python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "venv is missing: install your system's python3-venv, or uv"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null  # uv's have none
	$(if $(filter cpu,$(TORCH)),$(BIN)/python -m pip install --quiet uv)
else
	@test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.11,<3.14' .venv
endif
ifeq ($(TORCH),cpu)
	$(or $(UV),$(BIN)/uv) pip install --python $(BIN)/python --torch-backend cpu $$(grep -E '^torch(vision)?==' requirements.lock) || \
	  { echo "no torch without CUDA to be had (it comes from PyTorch's own server): leave TORCH=cpu out"; exit 1; }
else ifneq ($(TORCH),)
	@echo "TORCH=$(TORCH) is unknown: TORCH=cpu, or nothing for the default"; exit 1
endif
	@echo "Setting up .venv (several GB and a few minutes the first time) ..."
	$(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet) -r requirements.lock
	$(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet) --no-deps --editable .
	@# JupyterLab asks no questions about news and looks for no updates, which takes a network; the glossary opens as
	@# a page; sliders live in slides.
	@cp -r tools/jupyter .venv/share/
	@touch $@

lab: $(SETUP)  ## open the series in JupyterLab
	@echo "JupyterLab prints an address below: open it in a browser if none opens by itself."
	$(BIN)/jupyter lab $(ROOT_FLAG) $(BROWSER_FLAG) --LabApp.default_url=/lab/tree/notebooks/00_data.ipynb $(LAB_ARGS)

test: lint types unit notebook-tests device-tests browser-tests  ## set up, then every check: a quarter of an hour on two free cores
	@echo "All checks passed."

lint: $(SETUP)  ## ruff, code and notebooks; and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache

types: $(SETUP)  ## mypy, code and notebooks
	$(BIN)/mypy genlab tests tools benchmarks trials
	@# A reader of a notebook is spared annotations; what has types is still checked. A solution gives a stub's
	@# name a second time.
	$(BIN)/nbqa mypy notebooks --allow-untyped-defs --allow-incomplete-defs --allow-untyped-calls --allow-any-generics --no-warn-return-any --no-warn-unused-ignores \
	  --disable-error-code no-redef

device-tests: $(SETUP)  ## what a GPU would refuse: the rule about devices, and the series, on a pretended one
	@missing=$$($(BIN)/python -m tests.accelerator.pretended 2>/dev/null) && if [ -n "$$missing" ]; then \
	  echo "The tests on a pretended accelerator are left out: $$missing."; else \
	  $(MAKE) --no-print-directory on-the-pretended; fi

on-the-pretended:
	GENLAB_PRETEND=mps $(ONE_THREAD) $(PYTEST) tests/accelerator
	@rm -rf build/ipython && mkdir -p build && cp -r tests/accelerator/ipython build/ipython
	GENLAB_PRETEND=mps PYTHONPATH=$(CURDIR) IPYTHONDIR=$(CURDIR)/build/ipython $(ONE_THREAD) GENLAB_PROFILE=smoke \
	  $(PYTEST) -p no:cacheprovider --nbval-lax --nbval-current-env --nbval-cell-timeout 300 -n 2 --dist loadfile \
	  notebooks

unit: $(SETUP)  ## the unit tests
	$(ONE_THREAD) $(PYTEST) -n 2 --dist worksteal tests --ignore tests/browser --ignore tests/colab --ignore tests/accelerator

notebook-tests: $(SETUP)  ## every notebook through nbval, in the smoke profile
	$(ONE_THREAD) GENLAB_PROFILE=smoke $(PYTEST) -p no:cacheprovider --nbval-lax --nbval-current-env \
	  --nbval-cell-timeout 300 -n 2 --dist loadfile notebooks

browser-tests: $(SETUP)  ## JupyterLab and Notebook 7 in a headless Chromium, if there is one
	$(PYTEST) -rs tests/browser

$(COLAB)/.set-up: requirements-colab.txt $(SETUP)
	@rm -rf $(COLAB)
	@echo "Setting up $(COLAB) ..."
	$(if $(UV),$(UV) venv --quiet --python $(BIN)/python,$(BIN)/python -m venv) $(COLAB)
	$(if $(UV),$(UV) pip install --quiet --python $(COLAB)/bin/python,$(COLAB)/bin/python -m pip install --quiet) \
	  --no-deps -r requirements-colab.txt
	@# After its own packages, Python looks for those of .venv. (`sitedir` is the folder of this file.)
	@for folder in $(COLAB)/lib/python*/site-packages; do \
	  echo 'import site; site.addsitedir(sitedir.replace("$(COLAB)", ".venv"))' > $$folder/after-its-own.pth; done
	@touch $@

test-colab: $(COLAB)/.set-up  ## the series and the explorers with the ipywidgets and IPython of Colab
	$(ONE_THREAD) PYDEVD_DISABLE_FILE_VALIDATION=1 $(COLAB)/bin/python -m pytest -q -n 2 --dist worksteal \
	  tests/colab tests/widgets

test-lowest:  ## unit tests and notebooks with the oldest versions that pyproject.toml allows (needs uv)
	uv venv --quiet --clear --python 3.11 $(LOWEST)
	uv pip compile --quiet --resolution lowest-direct --python-version 3.11 --no-header --no-annotate \
	  --output-file $(LOWEST)/lowest.txt pyproject.toml
	uv pip install --quiet --python $(LOWEST)/bin/python -r $(LOWEST)/lowest.txt
	uv pip install --quiet --python $(LOWEST)/bin/python --constraint $(LOWEST)/lowest.txt $(LOWEST_TOOLS)
	$(ONE_THREAD) PYTHONPATH=$(CURDIR) $(LOWEST)/bin/python -m pytest -q -n 2 --dist worksteal tests \
	  --ignore tests/browser --ignore tests/colab --ignore tests/accelerator
	$(ONE_THREAD) PYTHONPATH=$(CURDIR) PATH=$(CURDIR)/$(LOWEST)/bin:$$PATH GENLAB_PROFILE=smoke \
	  $(LOWEST)/bin/python -m pytest -q -p no:cacheprovider --nbval-lax --nbval-current-env \
	  --nbval-cell-timeout 300 -n 2 --dist loadfile notebooks

notebooks: $(SETUP)  ## execute the series in place and keep its outputs
	$(BIN)/python tools/execute_notebooks.py $(ONLY)

bench: $(SETUP)  ## one table of speeds beside others, into benchmarks/results/README.md: a quarter of an hour
	$(BIN)/python -m benchmarks.speed

speedrun: $(SETUP)  ## the best digits from ten minutes of two cores: the last record again, five seeds (two hours)
	$(BIN)/python -m benchmarks.speedrun run

student: $(SETUP)  ## copies of the notebooks for a class, in student/: no solutions; answers survive an update
	$(BIN)/python tools/student.py $(ONLY)

slides: $(SETUP)  ## slides with live sliders, in slides/: opens JupyterLab; run all cells, then Alt+R
	$(BIN)/python tools/slides.py $(ONLY)
	$(BIN)/jupyter lab $(ROOT_FLAG) $(BROWSER_FLAG) --LabApp.default_url=/lab/tree/slides $(LAB_ARGS)

bundle: $(SETUP)  ## a folder for a stick, bundle/: laptops install from it without a network; BUNDLE="--system windows"
	$(BIN)/python tools/bundle.py $(BUNDLE)

wheel: $(SETUP)  ## build dist/genlab-*.whl, to upload to Colab
	$(if $(UV),$(UV) build --quiet --wheel --out-dir dist .,$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .)

lock:  ## pin today's newest versions in requirements.lock (needs uv)
	@# torch pins its CUDA packages itself; left out here, the same file serves a CPU-only torch.
	uv pip compile --quiet --universal --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  --python-version 3.11 --extra dev --upgrade pyproject.toml | grep -vE '^(nvidia-|cuda-|triton)' > requirements.lock

clean:  ## delete .venv, .venv-colab and caches; runs/ and data/ stay
	rm -rf .venv $(COLAB) $(LOWEST) .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info artifacts
