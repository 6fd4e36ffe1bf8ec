# Every target sets up what it needs in .venv; no other package of the system is required than
# python3 (3.11 or newer) with venv, and make.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check install --quiet
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard webapp/translations/*/LC_MESSAGES/*.po))
# The tests that need a browser, a database server or a TFTP client skip themselves without it.
TESTS ?= tests
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run demo test check fix bench translations clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: .venv/.developer $(CATALOGUES)  ## Create .venv with all that running, testing and checking need

run: .venv/.installed $(CATALOGUES)  ## Migrate the database, start web, worker and TFTP; Ctrl-C stops them
	@exec $(BIN)/belldesk serve

demo: .venv/.installed $(CATALOGUES)  ## The same with an invented company and 200 phones that fetch
	@exec $(BIN)/belldesk demo

test: setup  ## Run the tests (TESTS=tests/test_servers.py ARGS='-k emoji' for some of them)
	$(BIN)/pytest -n auto --dist worksteal $(ARGS) $(TESTS)

check: setup  ## Run the format, lint, type, arrow and template checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --lint --quiet templates

fix: setup  ## Format and repair what the tools can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup  ## Measure against the peers that are installed here
	$(BIN)/python -m bench $(ARGS)

translations: setup  ## Bring the catalogues up to date with the words in the code
	$(BIN)/pybabel -q extract -F babel.cfg -k N_ -k lazy_gettext -k _l --no-location --sort-output -o messages.pot .
	$(BIN)/pybabel -q update -i messages.pot -d webapp/translations -w 100 --no-fuzzy-matching --ignore-obsolete
	$(MAKE) setup

clean:  ## Remove what can be made again; .venv and instance/ stay
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -f messages.pot webapp/translations/*/LC_MESSAGES/*.mo
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

%.mo: %.po .venv/.installed
	$(BIN)/pybabel -q compile -i $< -o $@

.venv/.developer: requirements-dev.txt .venv/.installed
	$(PIP) --require-hashes -r requirements-dev.txt
	@touch $@

# The checkout itself is put on the path, as an editable install would do, but without the build
# tools that one fetches. `-P` keeps a user's current folder from standing in for a module.
.venv/.installed: requirements.txt | .venv/bin/pip
	$(PIP) --require-hashes -r requirements.txt
	@$(BIN)/python -c 'import os, sysconfig; folder = sysconfig.get_path("purelib"); \
	  print(os.path.relpath(".", folder), file=open(f"{folder}/belldesk.pth", "w"))'
	@printf '%s\n' '#!/bin/sh' \
	  'exec "$$(dirname "$$(readlink -f "$$0")")/python" -P -c "import sys; from webapp.cli import main; sys.argv[0] = \"belldesk\"; sys.exit(main())" "$$@"' \
	  > $(BIN)/belldesk
	@chmod +x $(BIN)/belldesk
	@touch $@

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Belldesk needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
