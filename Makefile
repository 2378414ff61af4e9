# Needs Python 3.11 or later (with venv), git and make; everything else comes from PyPI, checked by hash, into .venv.
# Only the tests need more: a headless Chromium, which comes from Debian, checked by apt.
# `make` alone lists the targets.

PYTHON ?= python3
UV ?= uv
UPGRADE ?=
TORTURE ?=
BROWSER := chromium-headless-shell

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Wheels only: building from source would fetch its builder without a hash.
INSTALL := $(PIP) install --require-hashes --only-binary :all:
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --quiet --custom-compile-command "make lock" $(UPGRADE)

MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test torture check lint format docs wheel lock setup clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile | expand -t 16

demo: $(VENV)/project.stamp  ## the whole pipeline on this machine: sandbox API, ./mootech-lake, the tumbler's report
	$(BIN)/mootech demo

# Many tests wait for servers, timeouts and killed processes; each worker has an S3 server and a shop of its own.
test: setup $(VENV)/browser.stamp  ## every test
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

# TORTURE="--local 25 --s3 0 --seed 7001" does what a failure has named, or as much as there is time for.
torture: setup  ## kill it 1,200 times and count what is lost; then long runs of readers and of the model: half an hour
	$(BIN)/python -m tests.faults.torture $(TORTURE)
	MOOTECH_TORTURE=1 $(BIN)/python -m pytest tests/faults/test_readers.py tests/faults/test_model.py

check:  ## exactly what CI runs
	.ci/run

lint: setup  ## style, formatting, types, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## write the code the way `make lint` wants it
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

docs: setup  ## write docs/ that is made from the code
	$(BIN)/python -m tests.docs.generate
	$(BIN)/python -m tests.faults.catalogue

wheel: setup  ## build dist/*.whl from this tree, with the locked builder
	rm -rf dist
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

lock:  ## make the three requirements files again (needs uv); UPGRADE=--upgrade takes newer versions
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) --group pyproject.toml:build --constraints requirements.txt --output-file requirements-build.txt
	$(COMPILE) pyproject.toml --group pyproject.toml:dev --constraints requirements.txt \
		--constraints requirements-build.txt --output-file requirements-dev.txt

setup: $(VENV)/dev.stamp  ## the environment for work on the code, in .venv

clean:  ## remove what make made; lakes stay
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The environment is what the locks say and nothing else: a changed lock starts it afresh.
$(VENV)/runtime.stamp: requirements.txt requirements-build.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("mootech needs Python 3.11 or later; name one: make PYTHON=python3.12 …")'
	@echo "Setting up $(VENV) (once)."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(INSTALL) -r requirements.txt -r requirements-build.txt
	@touch $@

$(VENV)/project.stamp: pyproject.toml $(VENV)/runtime.stamp
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Debian serves only the newest security release, so a version cannot be named; any that speaks DevTools will do.
$(VENV)/browser.stamp: $(VENV)/dev.stamp
	@command -v $(BROWSER) >/dev/null || { echo "Installing $(BROWSER) for the tests (once)."; \
		apt-get -qq update && apt-get -qq install --no-install-recommends $(BROWSER) >/dev/null; } || \
		{ echo "The tests need $(BROWSER): as root, apt-get install $(BROWSER)" >&2; exit 1; }
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/project.stamp
	@echo "Adding the tools for work on the code (once)."
	@$(INSTALL) -r requirements-dev.txt
	@touch $@
