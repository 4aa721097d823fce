# Two commands matter: `make demo` shows the main job, `make test` proves it. Each installs what it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
BIN := node_modules/.bin
BUN := $(BIN)/bun

.PHONY: help demo test sim bench build lint format schema deploy image setup tools clean
.DEFAULT_GOAL := help

help: ## print this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: ## install the packages of the lock file and, as root, the Debian packages that build and demo need
	@tools/setup.sh

tools: ## install, as root, the Debian packages that only the tests use: DHCP servers, a browser, promtool
	@tools/setup.sh tests

build: setup ## make dist/berth and the plugins in dist/cni
	@tools/build.sh dist

lint: setup ## types, style, and the direction of imports
	$(BIN)/tsc
	$(BIN)/tsc -p src/web/page
	$(BIN)/biome check --error-on-warnings
	$(BUN) tools/layout.ts
	$(BUN) tools/schema.ts --check
	$(BUN) tools/deploy.ts --check

format: setup ## let Biome rewrite what it can
	$(BIN)/biome check --write

schema: setup ## write docs/schema anew
	$(BUN) tools/schema.ts

deploy: setup ## write deploy/crds, deploy/manifests and deploy/helm anew
	$(BUN) tools/deploy.ts

image: build ## the container image of this machine's architecture as an OCI archive, dist/berth-image.tar
	@$(BUN) tools/image/main.ts

test: tools build lint ## all tests; as root those with real plugins and namespaces too
	$(BUN) test --timeout 30000 src test tools deploy

SEED ?=
STEPS ?=
NODES ?=
PODS ?=
SHARED ?=
OVERLAP ?=
sim: setup ## simulate clusters with faults: make sim SEED=1 STEPS=1000000; a large one without: NODES=200 PODS=5
	@SEED=$(SEED) STEPS=$(STEPS) NODES=$(NODES) PODS=$(PODS) SHARED=$(SHARED) OVERLAP=$(OVERLAP) \
	  $(BUN) test/simulation/$(if $(NODES),crowd-main,main).ts

demo: build ## pods on a dual-stack network through the real bridge plugin (as root), or results alone
	@$(BUN) demo/main.ts

bench: tools build ## measure Berth and the installed peers in one run; writes bench/*.md
	@MIMALLOC_PURGE_HOLES=0 $(BUN) bench/main.ts
	@$(BUN) bench/dhcp-main.ts
	@$(BUN) bench/page-main.ts

clean: ## remove what was built
	rm -rf dist
