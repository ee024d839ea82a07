# Telamon's commands. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
STACK ?= examples/minimal.yaml
BIN := .venv/bin
STAMP := .venv/installed
CODE := $(wildcard telamon understudy testbed tools tests bench)
# What needs no service: neither PostgreSQL nor Envoy nor a node is started.
# What takes longest is named first, so that no worker begins with it while the others have nothing left to do.
QUICK := $(wildcard tests/property tests/contract tests/unit)
# Side by side: much of what the tests do is waiting. Tests that start whole stacks take turns all the same.
TOGETHER ?= 3
# Where bytecode is not written, each worker would rewrite the assertions of every test module anew, in every run.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --numprocesses $(TOGETHER) --dist loadgroup

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z.-]+):.*## /\1\t/' | expand -t 14

.PHONY: .venv
.venv: $(STAMP) ## make the virtual environment, with everything pinned

$(STAMP): requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Telamon needs Python 3.11 or newer: $(PYTHON) was not found." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Telamon needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes --requirement requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	# Compiled once: where bytecode is not written on import, every command would compile the package again.
	$(BIN)/python -m compileall -q telamon understudy
	@touch $@

.PHONY: aws-tools
aws-tools: .venv-aws/installed ## moto and checkov, for the tests of AWS, in an environment of their own

.venv-aws/installed: requirements/aws-tools.txt
	$(PYTHON) -m venv .venv-aws
	.venv-aws/bin/pip install --quiet --require-hashes --requirement requirements/aws-tools.txt
	@touch $@

# kube-score is a Go module; where there is no Go, what needs it is skipped and says so. The custom resources of the
# gateway come with its own module.
KUBE_SCORE := github.com/zegl/kube-score/cmd/kube-score@v1.20.0
REGISTRY := github.com/distribution/distribution/v3/cmd/registry@v3.0.0
GATEWAY := github.com/envoyproxy/gateway@v1.9.1

.PHONY: kube-tools
kube-tools: .venv-kube/installed ## checkov, kubernetes-validate and kube-score, for the tests of manifests

.venv-kube/installed: requirements/kube-tools.txt
	$(PYTHON) -m venv .venv-kube
	.venv-kube/bin/pip install --quiet --require-hashes --requirement requirements/kube-tools.txt
	if command -v go >/dev/null; then \
		GOBIN=$(CURDIR)/.venv-kube/bin go install $(KUBE_SCORE); \
		GOBIN=$(CURDIR)/.venv-kube/bin go install $(REGISTRY); \
		rm -rf .venv-kube/crds && mkdir .venv-kube/crds; \
		crds="$$(cd .venv-kube && go mod download -json $(GATEWAY) | sed -n 's/^\t"Dir": "\(.*\)",\?$$/\1/p')/charts/gateway-crds-helm/templates"; \
		grep -hv '^{{' "$$crds"/generated/*.yaml "$$crds"/experimental-gatewayapi-crds.yaml > .venv-kube/crds/gateway.yaml; \
	fi
	@touch $@

# Built of Go modules, into a cache outside of the checkout, once for each version.
.PHONY: cluster-tools
cluster-tools: $(STAMP) ## API server, kubelet and their like, for the tests of Kubernetes; half an hour, once
	$(BIN)/python -m testbed.build

# Real nodes on this machine, in namespaces of their own: root alone may make them.
NODES ?= 2
WITH ?= --gateway
IMAGES ?= --image jira:11.3.1 --image confluence:10.2.7 --image bitbucket:9.4.16 --image postgres:17 --image telamon:1
.PHONY: cluster-up
cluster-up: $(STAMP) ## a Kubernetes of real nodes on this machine; says where its kubeconfig is
	$(BIN)/python -m testbed up --nodes $(NODES) $(IMAGES) $(WITH)

.PHONY: cluster-down
cluster-down: $(STAMP) ## end it; nothing stays
	$(BIN)/python -m testbed down

.PHONY: test-cluster
test-cluster: $(STAMP) ## all tests on real API servers and nodes; TELAMON_CLUSTER=KUBECONFIG takes another cluster
	$(PYTEST) tests/cluster

# One target a check, so that `make -k check` shows everything at once; beside the longest of them all others find time.
CHECKS := types references sizes imports addresses format lint
.PHONY: check $(CHECKS)
check: $(STAMP) ## all checks of the code, its docs and its shape
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(CHECKS)
format: $(STAMP)
	$(BIN)/ruff format --quiet --check .
lint: $(STAMP)
	$(BIN)/ruff check --quiet .
types: $(STAMP)
	$(BIN)/mypy $(CODE)
imports: $(STAMP)
	$(BIN)/lint-imports --no-logo
sizes: $(STAMP)
	$(BIN)/python -m tools.sizes
references: $(STAMP)
	$(BIN)/python -m tools.docrefs
addresses: $(STAMP)
	$(BIN)/python -m tools.addresses

.PHONY: unit
unit: $(STAMP) ## unit and property tests, and the contract on memory; no services
	$(PYTEST) -m "not lab and not exhaustive" $(QUICK)

.PHONY: test
test: check ## everything a change must pass, with real Envoy and PostgreSQL
	$(PYTEST) -m "not exhaustive" tests

.PHONY: test-all
test-all: check ## the same, and every test at full length
	$(PYTEST) tests

.PHONY: bench
bench: $(STAMP) ## measure what must hold, and write a report
	$(BIN)/python -m bench

.PHONY: up
up: $(STAMP) ## a running, highly available stack on this machine
	$(BIN)/telamon up $(STACK)

.PHONY: down
down: $(STAMP) ## stop it; the data stays
	$(BIN)/telamon down $(STACK)

.PHONY: fmt
fmt: $(STAMP) ## format, and fix what can be fixed safely
	$(BIN)/ruff check --quiet --fix --exit-zero .
	$(BIN)/ruff format .

.PHONY: docs
docs: $(STAMP) ## write the pages that are made of the code
	$(BIN)/python -m tools.reference

.PHONY: lock
lock: $(STAMP) ## pin every requirement again; LOCK_OPTIONS=--upgrade takes the newest
	$(BIN)/python -m tools.lock $(LOCK_OPTIONS)

.PHONY: wheel
wheel: $(STAMP) ## build the wheel into dist/
	$(BIN)/python -m build --wheel --no-isolation

.PHONY: clean
clean: ## remove caches and what was built; the environment and the labs stay
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
