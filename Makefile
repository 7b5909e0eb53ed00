# Two commands for everybody: `make demo` and `make test`. The environment is made in .venv when it is not there.
PYTHON ?= python3
BIN := .venv/bin
TORCH := $(shell grep '^torch==' constraints.txt)

.PHONY: demo test test-all soak lint golden bench clean

demo: .venv/installed
	$(BIN)/striate train fashion

test: .venv/installed-dev
	$(BIN)/pytest -n 2

test-all: .venv/installed-dev
	$(BIN)/pytest -n 2 -m "not gpu"

# Ten times the kills of `make test`, and a kill at every call to the file system that writing a checkpoint makes.
soak: .venv/installed-dev
	STRIATE_KILLS=500 $(BIN)/pytest tests/test_resume.py tests/runs/folder/test_checkpoint_killed.py

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Rewrites what tests compare against; read the diff before committing it.
golden: .venv/installed-dev
	$(BIN)/python tools/write_cli_page.py
	$(BIN)/python tools/draw_house.py
	$(BIN)/python tools/write_golden.py
	$(BIN)/python tools/write_golden_curves.py
	$(BIN)/python tools/write_golden_pixels.py

bench: .venv/installed
	$(BIN)/python bench/startup.py

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

# torch goes first and pinned: an open range would fetch the largest build there is.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "striate needs Python 3.11 or newer; set PYTHON=")'
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/installed-dev: .venv/installed tests/oracles.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,pretrained,parquet,bands,medical,remote,tensorboard]"
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r tests/oracles.txt
	touch $@
