# Every verb of the project. `make` alone lists them; each brings what it needs with it.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
DOCS   := .venv-docs
BENCH  := .venv-bench
PIP    := -m pip -qq --disable-pip-version-check
STAMP  := $(VENV)/.voxsession-setup
DSTAMP := $(DOCS)/.voxsession-setup
BSTAMP := $(BENCH)/.voxsession-setup
UV_PIN := uv==0.13.9

export VOXSESSION_TIKTOKEN_DIR ?= $(CURDIR)/.cache/tiktoken

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all lint format types docs check bench bench-retrieval lock ranks clean
.DELETE_ON_ERROR:

help: ## list the verbs
	@echo "make VERB, where VERB is one of"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'
	@echo "Another Python than python3: make setup PYTHON=python3.12"

# --- environments --------------------------------------------------------------------------------------------------

# $(call make-venv,FOLDER): keeps an environment whose Python works and is new enough, else makes it anew.
define make-venv
	@if ! $(1)/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    command -v "$(PYTHON)" >/dev/null || { \
	        echo "There is no '$(PYTHON)' here. Install Python 3.11 or newer, or name one: make setup PYTHON=/path/to/python" >&2; exit 1; }; \
	    "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	        echo "voxsession needs Python 3.11 or newer, and '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1). Name a newer one: make setup PYTHON=python3.12" >&2; exit 1; }; \
	    echo "Making the environment $(1) with $$("$(PYTHON)" -V) ..."; \
	    "$(PYTHON)" -m venv --clear $(1) || { \
	        echo "'$(PYTHON)' cannot make a virtual environment; on Debian and Ubuntu install the package python3-venv." >&2; exit 1; }; \
	fi
	@$(1)/bin/python -c 'import pip' 2>/dev/null || $(1)/bin/python -m ensurepip >/dev/null
endef

setup: $(STAMP) ## make .venv with everything pinned and voxsession itself, editable

$(STAMP): requirements-test.lock pyproject.toml
	$(call make-venv,$(VENV))
	@echo "Installing the pinned packages into $(VENV) ..."
	@$(PY) $(PIP) install --require-hashes -r requirements-test.lock
	@echo "Installing voxsession into $(VENV), editable ..."
	@$(PY) $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DSTAMP): requirements-docs.lock
	$(call make-venv,$(DOCS))
	@echo "Installing the pinned packages into $(DOCS) ..."
	@$(DOCS)/bin/python $(PIP) install --require-hashes -r requirements-docs.lock
	@touch $@

$(BSTAMP): requirements-bench.lock pyproject.toml
	$(call make-venv,$(BENCH))
	@echo "Installing the pinned packages and the peers into $(BENCH) ..."
	@$(BENCH)/bin/python $(PIP) install --require-hashes -r requirements-bench.lock
	@touch $@

ranks: setup
	@$(PY) scripts/fetch_ranks.py

# --- verbs ---------------------------------------------------------------------------------------------------------

demo: setup ## see it work: a conversation, a restart, and what is remembered
	@$(PY) scripts/fetch_ranks.py --optional
	@$(PY) examples/demo.py

test: ranks ## run the tests, the README and the examples among them
	@echo "Running the tests ..."
	@$(PY) -m pytest $(ARGS)

test-all: ranks ## the same, with the long ones
	@echo "Running all tests, the long ones too ..."
	@$(PY) -m pytest -m "" $(ARGS)

lint: setup ## style and common mistakes
	@echo "Checking style with ruff ..."
	@$(PY) -m ruff check --quiet .
	@$(PY) -m ruff format --check --quiet . || { echo "Files are not formatted; 'make format' does it." >&2; exit 1; }

format: setup ## put the style right
	@$(PY) -m ruff check --fix --quiet .
	@$(PY) -m ruff format --quiet .

types: setup ## types, strictly
	@echo "Checking types with mypy ..."
	@$(PY) -m mypy voxsession $(wildcard tests/typing)

docs: $(DSTAMP) ## build the pages into build/docs; a warning is an error
	@echo "Building the documentation ..."
	@$(DOCS)/bin/python -m sphinx -W --keep-going -q -b html -d build/doctrees docs build/docs
	@if grep -rlE '<(script|link|img|iframe)[^>]*(src|href)="(https?:)?//' build/docs --include='*.html'; then \
	    echo "These pages load something from another host." >&2; exit 1; fi
	@echo "Built: build/docs/index.html"

check: lint types test ## what has to pass before a change goes in

bench: ranks $(BSTAMP) ## measure beside the peers, write docs/performance.md; nothing fails on a number
	@$(BENCH)/bin/python -m tests.benchmarks --write

bench-retrieval: ranks ## measure what recall finds, write docs/retrieval.md; ARGS=--embeddings also by meaning
	@$(PY) -m tests.benchmarks.retrieval --write $(ARGS)

lock: ## make the requirements*.lock files anew; UPGRADE=1 takes newer versions
	$(call make-venv,$(VENV))
	@$(PY) $(PIP) install $(UV_PIN)
	@$(call compile,requirements.lock)
	@$(call compile,requirements-test.lock,--extra embeddings --extra openai --extra redis --extra sql --group test --group servers --group dev -c requirements.lock)
	@$(call compile,requirements-bench.lock,--extra redis --extra sql --group bench --group servers -c requirements.lock)
	@$(call compile,requirements-docs.lock,--group docs -c requirements.lock)

# No index address and no path may enter the files, so nothing that would print one is asked for.
compile = echo "Pinning $(1) ..." && $(PY) -m uv pip compile pyproject.toml $(2) --universal --python-version 3.11 \
    --generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
    $(if $(UPGRADE),--upgrade) --quiet --output-file $(1)

clean: ## remove what was built and cached; the environments stay
	@rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find voxsession tests examples scripts docs -name __pycache__ -type d -prune -exec rm -rf {} +
