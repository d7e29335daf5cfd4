# Everything happens inside this folder; nothing is installed system-wide. `make help` lists what there is.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PYTHON ?= python3
UV_VERSION := 0.13.8
BIN := .venv/bin
STAMP := .venv/.installed
# One more than there are cores: some tests wait for a server, a lock or a browser now and then.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

LOCK := .venv-lock/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

.PHONY: install
install: $(STAMP) ## make .venv with the locked dependencies

$(STAMP): requirements-dev.lock pyproject.toml
	@command -v "$(PYTHON)" >/dev/null 2>&1 || \
		{ echo "There is no $(PYTHON) here. Install Python 3.11 or newer, or name one: make $(or $(MAKECMDGOALS),install) PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Watchkeeper needs Python 3.11 or newer; $(PYTHON) is $$("$(PYTHON)" -V 2>&1). Name another: make $(or $(MAKECMDGOALS),install) PYTHON=python3.13"; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "This Python cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	"$(PYTHON)" -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

.PHONY: demo
demo: $(STAMP) ## play a story in a pretend world (ONCE=1: fast, no browser; STORY=…, PORT=…)
	$(BIN)/python -m sandbox.demo $(if $(ONCE),--once) $(if $(STORY),--story "$(STORY)") $(if $(PORT),--port "$(PORT)")

# Many tests start the bot and the sandbox as processes; each would compile them anew where nothing may be kept.
test: export PYTHONDONTWRITEBYTECODE :=

.PHONY: test
test: $(STAMP) ## all tests, on SQLite and PostgreSQL
	$(BIN)/python -m pytest -p tests.forks --workers $(WORKERS) $(ARGS)

.PHONY: check
check: $(STAMP) ## format, lint, types, layers
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(STAMP) ## let ruff format and mend what it can
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

.PHONY: golden
golden: $(STAMP) ## write the golden files anew; read the diff before you commit
	GOLDEN=write $(BIN)/python -m pytest -q tests/bot $(ARGS)
	@git diff --stat -- tests/golden

.PHONY: bench
bench: $(STAMP) ## measure speed and size on this machine
	$(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: lock
lock: .venv-lock/bin/uv ## resolve the dependencies anew (UPGRADE=1: to their newest versions)
	$(LOCK) $(if $(UPGRADE),--upgrade) --extra postgres --extra kubernetes -o requirements.lock
	$(LOCK) $(if $(UPGRADE),--upgrade) --all-extras -c requirements.lock -o requirements-dev.lock
	@! grep -nE '://|^ *-(i|f|-index|-extra-index|-find-links|-trusted)|@ ' requirements.lock requirements-dev.lock || \
		{ echo "A lock file names a place; it must name packages only."; exit 1; }

.venv-lock/bin/uv: Makefile
	"$(PYTHON)" -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.PHONY: clean
clean: ## remove what was made: environments, caches, output
	rm -rf .venv .venv-lock .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis out dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
