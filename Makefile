# make demo      set everything up, then recipes/mini from end to end
# make test      set everything up, then ruff, mypy and pytest
# make test-3.10 pytest with torch 1.13.1, the one that k2 on PyPI is built for (about 2 GB of packages)
#
# PYTHON=… names another Python, TORCH=… another torch for .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH ?= torch==2.13.0
BIN := .venv/bin

.PHONY: venv kenlm demo test test-3.10

venv: .venv/ready
kenlm:
	PYTHON=$(PYTHON) tools/build_kenlm.sh

# torch first and by itself: a bare `torch` further down would fetch the newest one, gigabytes of CUDA.
.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: venv kenlm
	PATH="$(CURDIR)/$(BIN):$$PATH" recipes/mini/run.sh

test: venv kenlm
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/pytest

.venv-3.10/ready: pyproject.toml
	python3.10 -m venv .venv-3.10
	.venv-3.10/bin/python -m pip install --quiet torch==1.13.1 'numpy<2'
	.venv-3.10/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

test-3.10: .venv-3.10/ready kenlm
	.venv-3.10/bin/pytest
