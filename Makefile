# Celeriac: `make demo` shows it, `make test` proves it.

.DEFAULT_GOAL := help
.PHONY: demo test load build run fmt lint clean help

demo: ## the dashboard on real Celery applications, with traffic, at http://localhost:5555
	@end2end/install.sh demo
	@$(MAKE) --no-print-directory build
	@end2end/demo.sh

test: ## every check and every test, the browser's included
	@end2end/install.sh test
	@end2end/test.sh

build: ## the release binary, target/release/celeriac
	@end2end/install.sh build
	cargo run -q -p bundle -- --release
	cargo build --release -p server

load: ## how fast, how much, how honest; e.g. make load ARGS="burst --times 3"
	@end2end/install.sh test
	@$(MAKE) --no-print-directory build
	@end2end/.venv/bin/python end2end/load/load.py $(or $(ARGS),all)

run: build ## build and run, e.g. make run ARGS="--broker redis://localhost:6379/0"
	@target/release/celeriac $(ARGS)

fmt: ## format the code
	cargo fmt --all

lint: ## warnings are errors, for the server and for the browser
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy -p app --lib --no-default-features --features hydrate --target wasm32-unknown-unknown -- -D warnings

clean: ## remove what was built, installed here or left by the demo
	cargo clean
	rm -rf .demo end2end/.venv end2end/.venv-5.2 end2end/node_modules end2end/test-results end2end/playwright-report

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 15
