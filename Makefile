# `make demo` and `make test` set everything up first; nothing is installed outside .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODEL ?= qwen2.5-coder-0.5b
DEMO ?= demo
TRAIN_DEMO ?= train-demo

DATA ?= data
OUT ?= gpu-proof
WEIGHTS ?= qwen2.5-coder-0.5b

.PHONY: help setup demo train-demo gpu-proof test test-slow check lint types bench clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(VENV)/.done  ## make .venv and install the pinned versions

$(VENV)/.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "cluster-r1 needs Python 3.11 or newer: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[local,postgres,annotation,dev]'
	@touch $@

demo: setup  ## run the main job on the bundled corpus with a small local model
	$(BIN)/cluster-r1 init $(DEMO) --template demo --model $(MODEL) --exist-ok
	$(BIN)/cluster-r1 -C $(DEMO) synth --yes

train-demo: $(VENV)/.trainers  ## see a tiny random model learn to cluster, in minutes on a CPU
	$(BIN)/cluster-r1 train demo --out $(TRAIN_DEMO)

gpu-proof: $(VENV)/.trainers  ## SFT and GRPO of a real model on labelled sets: DATA=dir WEIGHTS=model OUT=dir [EMBEDDER=dir] [SMOKE=1]
	$(BIN)/python benchmarks/gpu_proof.py $(DATA) --model $(WEIGHTS) --out $(OUT) $(if $(EMBEDDER),--embedder $(EMBEDDER)) $(if $(SMOKE),--cpu-smoke)

test: setup  ## run the tests that take seconds
	$(BIN)/python -m pytest -m "not slow and not model"

$(VENV)/.trainers: $(VENV)/.done  # exports are loaded back by the tools they are for
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[train,eval,ray]'
	@touch $@

test-slow: $(VENV)/.trainers  ## run the slow tests and those with a real model; installs the trainers
	$(BIN)/python -m pytest -m "slow or model"

lint: setup  ## formatting and lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup  ## static types
	$(BIN)/basedpyright

check: lint types test  ## what CI runs first

bench: setup  ## overhead of the pipeline against the bundled endpoint
	$(BIN)/python benchmarks/pipeline_overhead.py

clean:  ## remove what make made
	rm -rf $(VENV) $(DEMO) $(TRAIN_DEMO) build *.egg-info
