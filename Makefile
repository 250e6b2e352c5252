# Two commands on a fresh machine: `make demo` and `make test`. `make help` lists the rest.

ifeq ($(OS),Windows_NT)
$(error vexas-uba1 does not run on native Windows: install WSL ("wsl --install" in PowerShell) and run make inside it)
endif

# A cluster's Python modules must not leak into the programs of .venv.
unexport PYTHONPATH PYTHONHOME
# `make setup PYTHON=... WHEELS=...` reach the script through the environment.
export PYTHON WHEELS

.DEFAULT_GOAL := help
# As the command line has it: threads of linear algebra that wait would be measured, too.
export OMP_NUM_THREADS ?= 1
.PHONY: help setup demo test lint benchmark benchmark-full benchmark-molecules benchmark-scale lock bundle clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 28

setup: ## make .venv from requirements.lock (PYTHON=interpreter, WHEELS=folder made by bundle)
	@sh scripts/packaging/setup.sh

demo: setup ## run the workflow on synthetic samples, to finished reports
	.venv/bin/vexas-uba1 simulate --demo demo
	.venv/bin/vexas-uba1 run --config demo/config.yaml --cores 2

test: setup ## run all tests
	.venv/bin/python -m pytest -n 2 --dist loadgroup

lint: setup ## check style, types and workflow
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/snakemake --lint

benchmark: setup ## measure how well codon 41 is called, a small set, into docs/performance.md
	.venv/bin/python -m benchmarks.calling --page docs/performance.md

benchmark-full: setup ## the same in hours (REAL=folder of RNA reads)
	.venv/bin/python -m benchmarks.calling --full --page docs/performance.md $(if $(REAL),--real "$(REAL)")

benchmark-molecules: setup ## measure extraction and calling, up to 1,000,000 fragments, into docs/performance.md
	.venv/bin/python -m benchmarks.molecules --page docs/performance.md

benchmark-scale: setup ## measure screening, targeted FASTQ and the engine beside public tools, into docs/performance.md
	.venv/bin/python -m benchmarks.screening --page docs/performance.md
	.venv/bin/python -m benchmarks.targeted --page docs/performance.md
	.venv/bin/python -m benchmarks.engine --page docs/performance.md

lock: setup ## renew requirements.lock from pyproject.toml
	.venv/bin/python -m pip install --quiet uv
	.venv/bin/python -m uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-header --group pyproject.toml:build --group pyproject.toml:dev \
		--output-file requirements.lock pyproject.toml

bundle: setup ## fetch all locked packages for this kind of machine into wheels/, for an offline setup
	.venv/bin/python -m pip download --quiet --require-hashes --no-build-isolation \
		--requirement requirements.lock --dest wheels
	@echo "On an offline machine of this kind: make setup WHEELS=wheels"

clean: ## remove what make made: .venv, demo/, dist/ and caches (never results/)
	rm -rf .venv demo dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
