# Everything that a person runs. A bare machine needs Python 3.11 or newer with venv; the rest is installed here.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
DATA ?=

.PHONY: demo test check format bench

demo: $(VENV)/installed
	$(if $(DATA),LINEGRAPH_DATA="$(abspath $(DATA))") $(BIN)/linegraph demo --port $(PORT)

# At once on all processors, then those alone that measure time.
test: check
	$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal -m "not alone"
	$(BIN)/pytest -m alone

check: $(VENV)/developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/linegraph schema | diff -u schema/schema.graphql - || \
		{ echo "schema/schema.graphql is not what the code says: run make format" >&2; exit 1; }

format: $(VENV)/developing
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/linegraph schema > schema/schema.graphql.new && mv schema/schema.graphql.new schema/schema.graphql

bench: $(VENV)/developing
	$(BIN)/python -m bench

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Linegraph needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/developing: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
