# `make` lists what there is. Everything is installed into .venv; nothing outside the checkout is touched,
# but for the system packages that `make test` gets when it runs as root and finds no browser or no nginx.

PORT ?= 8000
# HOST means the machine's own name in some shells, so only `make run HOST=0.0.0.0` counts.
LISTEN := $(if $(filter command%,$(origin HOST)),$(HOST),127.0.0.1)
BIN := .venv/bin
NPM := sh scripts/npm.sh
PIP := $(BIN)/python -m pip --disable-pip-version-check install --constraint constraints.txt
FRONTEND := platform/frontend
SOURCES := $(shell find $(FRONTEND)/src $(FRONTEND)/public -type f 2>/dev/null) \
	$(wildcard $(FRONTEND)/*.html $(FRONTEND)/*.ts $(FRONTEND)/*.json) platform/stickersnap/routes.json
# Workers of the tests: what owns a service, a browser or a disk stays on one of them (tests/conftest.py).
WORKERS ?= 2
# The quick ring: what needs neither database nor network, and ends in seconds.
QUICK := tests/test_layout.py tests/test_habits.py tests/annotations/test_recent.py \
	tests/segmentation/test_folders.py tests/segmentation/test_manifest.py tests/segmentation/mask/test_mask.py \
	tests/segmentation/mask/test_rle.py tests/segmentation/mask/test_subjects.py tests/segmentation/test_engine.py \
	tests/stickersnap/stickers/test_source.py tests/training/data/test_batches.py tests/training/test_config.py \
	tests/training/data/test_data.py tests/training/evaluation/test_metrics.py \
	tests/training/test_schedule.py
heading = @printf '\n\033[1m── %s ──\033[0m\n' "$(1)"

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help run test everything check quick lint types format bench bars rembg venv frontend openapi clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1mmake %-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/installed $(FRONTEND)/dist/index.html ## Serve StickerSnap on http://localhost:8000 (PORT=…, HOST=0.0.0.0), until Ctrl-C
	@exec $(BIN)/python manage.py up --port $(PORT) --host $(LISTEN)

test: .venv/installed-dev $(FRONTEND)/dist/index.html ## Run everything: lint, types, contracts, unit tests, end to end (ARGS=… for pytest)
	@begun=$$(date +%s); $(MAKE) --no-print-directory everything \
		&& echo "make test: $$(( ($$(date +%s) - begun + 59) / 60 )) minutes."

everything:
	$(call heading,What the tests run beside Python)
	@$(BIN)/python scripts/provision.py
	@$(MAKE) --no-print-directory lint
	$(call heading,Front end: unit tests)
	@$(NPM) test
	$(call heading,Python: tests of every part and of the whole service in the browser)
	@$(BIN)/pytest --numprocesses $(WORKERS) --dist loadgroup --no-loadscope-reorder --durations 10 $(ARGS)

check: .venv/installed-dev $(FRONTEND)/node_modules/installed ## Between two edits: lint, types, contracts, tests without services (a minute)
	@begun=$$(date +%s); $(MAKE) --no-print-directory --jobs 2 --output-sync lint quick \
		&& echo "make check: $$(( $$(date +%s) - begun )) seconds."

quick: .venv/installed-dev
	$(call heading,Tests without services)
	@$(BIN)/pytest --quiet $(QUICK)

lint: .venv/installed-dev $(FRONTEND)/node_modules/installed ## Check style, types and the packages' contracts
	$(call heading,Style)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory types
	$(call heading,Contracts between the packages)
	@$(BIN)/lint-imports
	$(call heading,Front end: types and style)
	@$(NPM) run --silent lint

types: .venv/installed-dev ## Check Python's types
	$(call heading,Types)
	@$(BIN)/mypy

format: .venv/installed-dev $(FRONTEND)/node_modules/installed ## Bring every file into shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(NPM) run --silent format

bench: .venv/installed-dev rembg $(FRONTEND)/dist/index.html ## Measure speed on this machine, and say which machine it is
	@$(BIN)/python scripts/machine.py
	@$(BIN)/pytest tests/benchmarks -o python_files='bench_*.py' --capture=no $(ARGS)

bars: .venv/installed-dev ## Measure what retraining is held to: the gate, attacks, kills (tens of minutes; ARGS=… for pytest)
	@$(BIN)/python scripts/machine.py
	@$(BIN)/pytest -m bars --capture=no --timeout=3600 $(ARGS)

# A baseline of the benchmarks, in an environment of its own. Where it can't be had they go without it, and say so.
rembg: tests/benchmarks/rembg.txt | .venv/bin/python
	@[ .venv-rembg/installed -nt $< ] || { $(BIN)/python -m venv .venv-rembg && .venv-rembg/bin/python -m pip \
		--disable-pip-version-check install --quiet --no-deps --requirement $< && touch .venv-rembg/installed; } \
		|| echo "rembg can't be installed here: the benchmarks go without it."

venv: .venv/installed ## Make .venv with what `make run` needs

frontend: $(FRONTEND)/dist/index.html ## Build the page

openapi: .venv/installed-dev $(FRONTEND)/node_modules/installed ## Write docs/openapi.yaml and the front end's types from the code
	@$(BIN)/python manage.py spectacular --validate --file docs/openapi.yaml
	@$(NPM) run --silent api

starter-forms: .venv/installed ## Make the ONNX forms of the shipped weights anew (PICTURES=folder of photos to compare on)
	@$(BIN)/python -m segmentation.forms segmentation/starter $(if $(PICTURES),--pictures $(PICTURES))

clean: ## Remove what was built (.venv and var, the service's own data, stay)
	rm -rf $(FRONTEND)/dist $(FRONTEND)/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache tests/e2e/screenshots

.venv/bin/python:
	@python=$$(sh scripts/python.sh $(PYTHON)) && echo "Making .venv with $$python" && "$$python" -m venv .venv

# torch is large, and on Linux comes with its GPU libraries; pip's own settings (PIP_INDEX_URL, PIP_FIND_LINKS, …) say from where.
.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	$(call heading,Installing into .venv (once; some minutes))
	@$(PIP) --editable '.[web,model,train]'
	@touch $@

.venv/installed-dev: .venv/installed
	$(call heading,Installing what the tests need into .venv)
	@$(PIP) --quiet --editable '.[web,model,train,dev]'
	@$(PIP) --quiet --no-deps pysodmetrics # it asks for numpy below 2, which its code does not need
	@touch $@

$(FRONTEND)/node_modules/installed: $(FRONTEND)/package-lock.json | .venv/bin/python
	$(call heading,Installing the front end's packages)
	@$(NPM) ci --no-audit --no-fund
	@touch $@

$(FRONTEND)/dist/index.html: $(FRONTEND)/node_modules/installed $(SOURCES)
	$(call heading,Building the page)
	@$(NPM) run --silent build
	@touch $@

-include deploy/deploy.mk
