# The two commands: `make run` and `make test`. Needs Python 3.11 or newer with venv, make and git; no root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONDONTWRITEBYTECODE ?= 0

.PHONY: run test setup stop lock lint clean help

run: $(VENV)/run.ok static/vendor/installed  ## set up, walk the thread once, serve the pages
	@$(BIN)/python manage.py demo

# Hundreds of processes start: each compiles all it imports where bytecode is not kept.
test: export PYTHONDONTWRITEBYTECODE = 0
test: $(VENV)/test.ok  ## everything that can be tested here; names what is missing
	@$(BIN)/python bin/assets --tests
	@$(BIN)/python -m tests.all

setup: $(VENV)/test.ok  ## what single tests and `make lint` need

stop: $(VENV)/run.ok  ## end everything that `make run` started
	@$(BIN)/python manage.py stop

# Python's own venv and pip fetch one package, the installer; it installs the rest from the lock, by hash.
$(VENV)/uv.ok: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit("Desirepath needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make run PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@echo "Setting up: a Python environment in $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/run.ok: requirements/base.txt pyproject.toml $(VENV)/uv.ok
	@echo "Setting up: the server's packages, locked by hash"
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/base.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/test.ok: requirements/test.txt $(VENV)/run.ok
	@echo "Setting up: what the tests need"
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/test.txt
	@touch $@

static/vendor/installed: package.json $(VENV)/run.ok
	@$(BIN)/python bin/assets

lock: $(VENV)/uv.ok  ## resolve requirements again
	@for name in uv base test examples node; do test -f requirements/$$name.in || continue; \
	  $(BIN)/uv pip compile -q --upgrade --generate-hashes --universal --python-version 3.11 --no-header --no-emit-index-url \
	  --no-emit-find-links requirements/$$name.in -o requirements/$$name.txt; done

lint: $(VENV)/test.ok  ## ruff, the formatters of templates and style sheets, mypy strict, import-linter
	@$(BIN)/lint-imports && $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/python -m tests.formatting --check && $(BIN)/mypy .

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

clean:  ## remove what was set up; evidence and models in var/ stay
	@rm -rf $(VENV) static/vendor node_modules
