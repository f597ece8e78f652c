PYTHON ?= python3
BIN := .venv/bin
STACK := $(shell $(PYTHON) -c 'import sys; print("modern" if sys.version_info >= (3, 12) else "default")')

.DEFAULT_GOAL := help
.PHONY: help setup demo check test bench docs

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready ## Make .venv with the package, its tests and the development tools

# Python 3.12 and later cannot install recbole's pinned ray, so recbole comes without its pins.
.venv/ready: pyproject.toml $(wildcard constraints/*.txt)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -c constraints/$(STACK).txt -e '.[dev]'
	if [ $(STACK) = modern ]; then $(BIN)/pip install --no-deps recbole==1.2.1; fi
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

docs: $(BIN)/sphinx-build ## Build the site into build/site; every warning is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env docs build/site

$(BIN)/sphinx-build:
	$(MAKE) setup
	$(BIN)/pip install -c constraints/$(STACK).txt -e '.[docs]'
