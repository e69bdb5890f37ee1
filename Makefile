# The doors into this project. `make` alone says what each does.
PY := .venv/bin/python
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help:
	@echo "make demo            set this machine up, build the site, break the circuit, show how long users were cut off (root)"
	@echo "make test            every test: first the quick ones, then namespaces with real daemons (root)"
	@echo "make test-unit       the quick ones only; no root, no daemon"
	@echo "make test-topology   the ones with namespaces only (root)"
	@echo "make lint            ruff, mypy, rooms and imports, pages"
	@echo "make bench-failover  outage per fault, with the machine's own jitter beside it (root)"
	@echo "make bench-plan      how long planning takes for 1, 100 and 1,000 sites"
	@echo "make bench-hub       the cloud server against its goals and beside Node and Go; ten minutes"
	@echo "make bench-api       the resource service against its goals, with a bare handler as the ceiling; five minutes"
	@echo "make conformance     the public cases of WebSocket conformance, both roles"
	@echo "make soak-bfd        ten minutes of load: does fast BFD switch although nothing failed? (root)"
	@echo "make soak-hub        an hour of devices that come and go: does the server's memory stay flat? DURATION=s: shorter"
	@echo "make reference       write the generated pages in docs/reference again"
	@echo "make lock            make the two lock files again from pyproject.toml"
	@echo "make clean           stop every lab, then remove .venv, caches and build output"
	@echo
	@echo "KEEP=1 make demo leaves the lab standing; then: .venv/bin/twinspan --help"

.PHONY: setup venv
setup:
	@scripts/setup.sh
venv:
	@scripts/setup.sh venv

.PHONY: demo
demo: setup
	@.venv/bin/twinspan demo </dev/null

# The quick ones, then servers and devices in one process and public clients, then namespaces with real daemons.
# pytest leaves with 5 when it ran no test and 4 when the folder is gone: both fail here.
.PHONY: test test-unit test-topology
test: setup
	$(PY) -m pytest -q -n auto tests --ignore=tests/topology --ignore=tests/inprocess --ignore=tests/contract </dev/null
	$(PY) -m pytest -q tests/contract tests/inprocess </dev/null
	$(PY) -m pytest -q tests/topology </dev/null
test-unit: venv
	$(PY) -m pytest -q -n auto tests --ignore=tests/topology --ignore=tests/inprocess --ignore=tests/contract </dev/null
test-topology: setup
	$(PY) -m pytest -q tests/topology </dev/null

.PHONY: lint
lint: venv
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	$(PY) scripts/check_docs.py
	$(PY) scripts/check_sizes.py
	$(PY) scripts/generate_reference.py --check

.PHONY: reference
reference: venv
	$(PY) scripts/generate_reference.py

.PHONY: bench-failover bench-plan bench-api
bench-failover: setup
	@$(PY) bench/failover.py </dev/null
bench-plan: venv
	@$(PY) bench/plan.py </dev/null
bench-api: venv
	@$(PY) bench/api.py </dev/null

.PHONY: conformance
conformance: venv
	@$(PY) bench/conformance.py --keep </dev/null

.PHONY: soak-bfd
soak-bfd: setup
	@$(PY) bench/soak.py </dev/null

# The bench takes Debian's Go, Node and their WebSocket libraries; nothing else in this project needs them.
DURATION ?= 3600
.PHONY: bench-hub soak-hub
bench-hub: venv
	@scripts/setup_bench.sh
	@$(PY) bench/hub.py </dev/null
soak-hub: venv
	@scripts/setup_bench.sh
	@$(PY) bench/hub_soak.py --seconds $(DURATION) </dev/null

# uv resolves, pip installs; it lives in a folder of its own that goes when it is done.
.PHONY: lock
lock:
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && python3 -m venv "$$tools" && "$$tools/bin/pip" -q install uv && \
	for pair in "requirements.lock:--group build" "requirements-dev.lock:--group build --group dev"; do \
	  "$$tools/bin/uv" pip compile -q pyproject.toml $${pair#*:} --python-version 3.11 --generate-hashes --no-annotate \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCKFLAGS) -o "$${pair%%:*}"; \
	done

.PHONY: clean
clean:
	@if [ -x .venv/bin/twinspan ]; then .venv/bin/twinspan lab down --all </dev/null || true; fi
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -path ./.git -prune -o \( -name __pycache__ -o -name '*.egg-info' \) -type d -prune -exec rm -rf {} +
