# `make` prints the targets. `make test` does all that CI does.

GO ?= go
FUZZTIME ?= 30s
BENCH ?= .
BENCHTIME ?= 1s
COUNT ?= 1
# Where the library has to build, apart from the machine at hand. On 386, for
# its int of 32 bits, only core is compiled: it does the arithmetic.
PLATFORMS ?= darwin/arm64 windows/amd64
PLATFORMS32 ?= linux/386

# The linter keeps what it found by the content of a file, with the path of the
# file: two checkouts that share a cache see each other's findings.
export GOLANGCI_LINT_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/golangci-lint$(subst /,-,$(CURDIR))
GOLANGCI_LINT = $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2

# Each module is checked by itself, as its users have it.
export GOWORK = off

# What users import.
LIBRARY = $(patsubst %,./%/...,$(wildcard core ginsse fibersse middleware))
# Modules of their own inside this one: ./... does not reach them.
NESTED = $(shell find . \( -name '.?*' -o -name testdata -o -name vendor -o -name node_modules \) -prune \
	-o -name go.mod ! -path ./go.mod -print | sed 's,/go.mod$$,,' | sort)

# in-each-module runs its argument in the main module and in every nested one.
in-each-module = for dir in . $(NESTED); do (cd "$$dir" && $(1)) || exit 1; done

.DEFAULT_GOAL := help
.PHONY: help test setup fmt tidy tidy-check boundary snippets vet lint build cross race bench bench-smoke nested fuzz cover clean

help: ## print this list
	@echo 'usage: make [target] [NAME=value]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo 'names: FUZZTIME=$(FUZZTIME) BENCH=$(BENCH) BENCHTIME=$(BENCHTIME) COUNT=$(COUNT)'

# One step after the other, quick ones first: lint and the race tests would
# both want every core, and tests watch the clock.
test: ## install what is missing, then do all that CI does
	@MAKE='$(MAKE)' bash .ci/steps setup fmt tidy-check boundary snippets vet build cross lint race bench-smoke nested

setup: ## install chromium, a font, a C compiler, nginx, haproxy, prometheus, postgres, pgbouncer, redis, node, jq where missing (apt)
	@bash .ci/setup

fmt: ## fail if a file is not formatted
	@files=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .); \
	if [ -n "$$files" ]; then echo "not formatted (gofmt -w):" $$files >&2; exit 1; fi

tidy: ## bring go.mod and go.sum up to date
	$(call in-each-module,$(GO) mod tidy)

tidy-check: ## fail if go.mod or go.sum is not tidy
	$(call in-each-module,$(GO) mod tidy -diff)

boundary: ## fail if a package compiles a framework or database it must not
	@bash .ci/boundary

snippets: ## fail if a program in the README does not compile
	@bash .ci/snippets

vet: ## go vet
	$(call in-each-module,$(GO) vet ./...)

# All modules at once, by the go.work: what they share is looked at once.
lint: ## golangci-lint
	GOWORK=$(CURDIR)/go.work $(GOLANGCI_LINT) run $(addsuffix /...,. $(NESTED))

build: ## build and link everything, examples included
	$(call in-each-module,$(GO) build -buildvcs=false -o /dev/null ./...)

cross: ## build and vet the library and its tests for other platforms
	@for platform in $(PLATFORMS) $(PLATFORMS32); do \
		echo "--> $$platform"; \
		case " $(PLATFORMS32) " in *" $$platform "*) packages="./core ./core/history ./core/memstore ./core/internal/...";; \
		*) packages='./...';; esac; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) vet $$packages || exit 1; \
	done

race: ## all tests of the library and of the samples, with the race detector
	CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 20m ./...
	cd examples && CGO_ENABLED=1 $(GO) test -race -count=1 -timeout 20m ./...

# -p 1: benchmarks of two packages at once would measure each other.
bench: ## benchmarks (BENCH, BENCHTIME, COUNT), for benchstat
	$(GO) test -run '^$$' -p 1 -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) -count $(COUNT) -timeout 60m $(LIBRARY)

# The race detector would distort what is measured of the heap.
bench-smoke: ## every benchmark once, so that none rots, and the tests that measure the heap
	$(GO) test -run '^TestHeap' -bench . -benchtime 1x -timeout 5m $(LIBRARY)

# Two at a time: they wait for their engines most of the time.
nested: ## tests of the other modules
	@printf '%s\n' $(filter-out ./examples,$(NESTED)) | xargs -P 2 -I{} sh -c '\
		out=$$(cd {} && $(GO) test -count=1 -timeout 5m ./... 2>&1); status=$$?; \
		printf -- "--> %s\n%s\n" {} "$$out"; exit $$status'

fuzz: ## every fuzz target for FUZZTIME
	@bash .ci/fuzz $(FUZZTIME)

cover: ## coverage of the library by all tests, in coverage.out
	$(GO) test -timeout 5m -coverprofile coverage.out -coverpkg "$$(echo $(LIBRARY) | tr ' ' ,)" ./...
	@$(GO) tool cover -func coverage.out | tail -n 1

clean: ## remove what the targets above leave behind
	find . -name '.?*' -prune -o \( -name '*.out' -o -name '*.test' -o -name '*.prof' \) -type f -exec rm -f {} +
	rm -rf bin
