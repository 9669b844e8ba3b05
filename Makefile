# SPDX-License-Identifier: GPL-2.0-or-later
# Two commands: `make matrix` answers, `make test` proves. Both set up what they need first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: matrix test bench setup clean
matrix: .venv/.run
	$(BIN)/kmatrix run $(ARGS)

test: .venv/.test
	$(BIN)/pytest $(ARGS)

bench: .venv/.test
	$(BIN)/python tests/bench.py $(ARGS)

setup: .venv/.run

clean:
	rm -rf .venv

# The system's packages: looked at every time, because it takes a tenth of a second.
.PHONY: packages packages-test
packages:
	@.ci/packages "$(PYTHON)"

packages-test:
	@.ci/packages "$(PYTHON)" --test

.venv/.run: pyproject.toml | packages
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable .
	@touch $@

.venv/.test: pyproject.toml | packages-test
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[test]'
	@touch $@ .venv/.run
