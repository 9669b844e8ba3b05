# SPDX-License-Identifier: GPL-2.0-or-later
# Two commands: `make matrix` answers, `make test` proves. Both set up what they need first.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= auto
# Tests that share a run are done by one worker.
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist loadgroup

.PHONY: matrix test test-quick test-all bench setup clean
# The default matrix: patch in, matrix out. ARGS="--help" tells of more.
matrix: .venv/.run
	$(BIN)/kmatrix run $(ARGS)

# A minute: no guest is booted. ARGS goes to pytest.
test-quick: .venv/.test
	$(PYTEST) tests/unit tests/contract $(ARGS)

# What CI runs: every guarantee once, with real guests. tests/README.md lists them.
test: .venv/.test
	$(PYTEST) -m "not night" $(ARGS)

# And all sizes, architectures and repetitions, one guest after the other: for the night.
test-all: test
	$(BIN)/pytest -m night $(ARGS)

# How long things take on this machine.
bench: .venv/.test
	$(BIN)/python tests/bench.py $(ARGS)

# .venv/bin/kmatrix, and nothing else.
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
