# The commands of this repository; the work is done by scripts/.

.DEFAULT_GOAL := help
.PHONY: help run build page test check clean

# More arguments for `make run`; a later one overrides: make run ARGS='--addr 127.0.0.1:4000'
ARGS ?=

help: ## Show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

run: build ## Build everything and serve a demonstration on http://127.0.0.1:3000
	target/release/bellows serve --demo --addr 127.0.0.1:3000 --data-dir data $(ARGS)

build: ## Build the page and the server: target/release/bellows
	scripts/build

page: ## Build the page alone, into target/site
	scripts/build-page

test: ## Run all tests, with a PostgreSQL of their own and a real browser
	scripts/test

check: ## Check formatting, lints, licences and unused dependencies
	scripts/check

clean: ## Remove what was built (the tools in .tools stay)
	cargo clean
