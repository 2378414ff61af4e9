# Needs Python 3.11 or later (with venv), git and make; everything else comes from PyPI, checked by hash, into .venv.
# Only the tests need more: a headless Chromium and Java, which come from Debian, checked by apt.
# `make` alone lists the targets.

PYTHON ?= python3
UV ?= uv
UPGRADE ?=
TORTURE ?=
WORKERS := $(shell cores=$$(nproc); echo $$((cores < 4 ? cores + 1 : 4)))
BROWSER := chromium-headless-shell
JAVA := openjdk-17-jre-headless
BENCH ?=
LOWEST := tests/unit/test_engine.py tests/unit/test_pinned.py tests/unit/test_silver.py tests/unit/test_gold.py \
	tests/integration/test_own_reports.py tests/property/test_reports.py $(wildcard tests/property/test_*_report*.py) \
	$(wildcard tests/property/test_silver_*.py)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Wheels only: building from source would fetch its builder without a hash. The locks name everything, so nothing is
# left to resolve; Python compiles what is imported.
INSTALL := $(PIP) install --require-hashes --only-binary :all: --no-deps --no-compile
COMPILE := $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --quiet --custom-compile-command "make lock" $(UPGRADE)
# The command, and Debian's package that brings it where it is missing.
define DEBIAN
@command -v $(1) >/dev/null || { echo "Installing $(2) for the tests (once)."; \
	apt-get -qq update && apt-get -qq install --no-install-recommends $(2) >/dev/null; } || \
	{ echo "The tests need $(1): as root, apt-get install $(2)" >&2; exit 1; }
@touch $@
endef

MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lowest torture bench check lint format docs wheel lock setup clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile | expand -t 16

demo: $(VENV)/project.stamp  ## the whole pipeline on this machine: sandbox API, ./mootech-lake, the tumbler's report
	$(BIN)/mootech demo

# Many tests wait for servers, timeouts and killed processes, so there is one worker more than cores; each has an S3
# server and a shop of its own.
# What is tested is what mootech does; that the documents, locks and contracts agree with it is `make lint`.
test: setup lowest $(VENV)/browser.stamp $(VENV)/java.stamp $(VENV)/spark.stamp  ## every test
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal --ignore tests/docs

# It stands before the locked one on Python's path; all else is the same environment.
lowest: setup $(VENV)/lowest.stamp  ## the tests of the engine and the reports, with the oldest DuckDB that is allowed
	PYTHONPATH=$(CURDIR)/$(VENV)/lowest $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(LOWEST)

# TORTURE="--local 25 --s3 0 --seed 7001" does what a failure has named, or as much as there is time for.
torture: setup  ## kill it 1,200 times and count what is lost; then long runs of readers and of the model: half an hour
	$(BIN)/python -m tests.faults.torture $(TORTURE)
	MOOTECH_TORTURE=1 $(BIN)/python -m pytest tests/faults/test_readers.py tests/faults/test_model.py

# BENCH="--only ingest --scale 0.02 --runs 1" does a part. Without Java, Spark's lines say that they were not measured.
bench: setup $(VENV)/spark.stamp .venv-ours/peer.stamp .venv-dlt/peer.stamp  ## measure it beside dlt, Spark and floors: docs/benchmarks.md; an hour
	@$(BIN)/python -m benchmarks $(BENCH); code=$$?; $(BIN)/python -m benchmarks.page && exit $$code

check:  ## exactly what CI runs
	.ci/run

lint: setup $(VENV)/spark.stamp  ## style, formatting, types, import contracts, and whether the documents are current
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet tests/docs

format: setup  ## write the code the way `make lint` wants it
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

docs: setup $(VENV)/spark.stamp  ## write docs/ that is made from the code
	$(BIN)/python -m tests.docs.generate
	$(BIN)/python -m tests.faults.catalogue
	$(BIN)/python -m benchmarks.page

wheel: setup  ## build dist/*.whl from this tree, with the locked builder
	rm -rf dist
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

lock:  ## make the requirements files again, the peers' too (needs uv); UPGRADE=--upgrade takes newer versions
	$(COMPILE) pyproject.toml --output-file requirements.txt
	$(COMPILE) --group pyproject.toml:build --constraints requirements.txt --output-file requirements-build.txt
	$(COMPILE) pyproject.toml --extra charts --group pyproject.toml:dev --constraints requirements.txt \
		--constraints requirements-build.txt --output-file requirements-dev.txt
	$(COMPILE) pyproject.toml --extra spark --constraints requirements-dev.txt --output-file requirements-spark.txt
	$(COMPILE) --group pyproject.toml:lowest --output-file requirements-lowest.txt
	$(COMPILE) --group pyproject.toml:peer-dlt --output-file benchmarks/peers/requirements-dlt.txt

setup: $(VENV)/dev.stamp  ## the environment for work on the code, in .venv

clean:  ## remove what make made; lakes stay
	rm -rf $(VENV) .venv-ours .venv-dlt dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

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
	$(call DEBIAN,$(BROWSER),$(BROWSER))

# Spark 4 runs on Java 17 or later.
$(VENV)/java.stamp: $(VENV)/dev.stamp
	$(call DEBIAN,java,$(JAVA))

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/project.stamp
	@echo "Adding the tools for work on the code (once)."
	@$(INSTALL) -r requirements-dev.txt
	@touch $@

$(VENV)/lowest.stamp: requirements-lowest.txt $(VENV)/dev.stamp
	@rm -rf $(VENV)/lowest
	@$(INSTALL) --target $(VENV)/lowest -r $<
	@touch $@

# PyPI has Spark as source only; its builder is among the tools.
$(VENV)/spark.stamp: requirements-spark.txt $(VENV)/dev.stamp
	@echo "Adding Spark for the tests (once; it is 450 MB)."
	@$(INSTALL) --no-binary pyspark --no-build-isolation -r $<
	@touch $@

# What is measured: ours without the tools for work on the code, and dlt by itself, whose lock does not agree with ours.
.venv-ours/peer.stamp: pyproject.toml requirements.txt requirements-build.txt
	@echo "Setting up .venv-ours, what a user installs (once)."
	@$(PYTHON) -m venv --clear .venv-ours
	@$(subst $(BIN),.venv-ours/bin,$(INSTALL)) -r requirements.txt -r requirements-build.txt
	@$(subst $(BIN),.venv-ours/bin,$(PIP)) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv-dlt/peer.stamp: benchmarks/peers/requirements-dlt.txt
	@echo "Setting up .venv-dlt (once)."
	@$(PYTHON) -m venv --clear .venv-dlt
	@$(subst $(BIN),.venv-dlt/bin,$(INSTALL)) -r $<
	@touch $@
