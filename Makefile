PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo check test bench

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready ## Make .venv with the package, its tests and the development tools

# Python 3.12 and later cannot install recbole's pinned ray, so recbole comes without its pins.
.venv/ready: pyproject.toml $(wildcard constraints/*.txt)
	$(PYTHON) -m venv .venv
	if $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then \
		$(BIN)/pip install -c constraints/modern.txt -e '.[dev]' && \
		$(BIN)/pip install --no-deps recbole==1.2.1; \
	else \
		$(BIN)/pip install -c constraints/default.txt -e '.[dev]'; \
	fi
	touch $@

demo: setup ## Search a mix for the users of 25 to 34 in MovieLens-100K (minutes)
	$(BIN)/python run_groupmix.py --dataset=ml-100k --target=25 --trials=9 --folds=3 --repeats=3

check: setup ## Style, types and the tests that are not slow
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile

test: setup ## All tests, the slow ones too
	$(BIN)/pytest -m ""

bench: setup ## Run every program in benchmarks/
	set -e; for program in benchmarks/*.py; do echo "== $$program"; $(BIN)/python "$$program"; done
