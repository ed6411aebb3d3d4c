# telegen-sonic. Two commands do everything on a fresh Debian bookworm as root: `make run` and `make test`.
PYTHON   := /usr/bin/python3
VENV     := .venv
BIN      := $(VENV)/bin
BUILD    := build
LOCK     := contrib/requirements/dev.lock
CLANG    ?= clang
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Werror -Ibpf -I/usr/include/$(shell uname -m)-linux-gnu
# Without CAP_PERFMON nothing smaller may be stored where eight bytes were spilled: no slot of the stack is used for both.
PLAIN_CFLAGS := -DTG_PLAIN=1 -mcpu=v2 -mllvm -no-stack-coloring -mllvm -no-stack-slot-sharing
BPF_SOURCES := $(wildcard bpf/*.bpf.c tests/*/*.bpf.c)
CLICK7   := $(BUILD)/click7
NOTE     := sonic_telegen/build.json
YANG_STAND_INS := tests/yang_model_tests/yang-models

# What Debian packages are for: Python tools; the BPF object; loading it, filter expressions among it; the demo's Redis
# and netdevs; libyang's verdict on the YANG model; strangers, certificates and rotel (an OTLP collector that links to libpython) in
# tests, and a second reader of captures.
PY_PACKAGES    := python3 python3-venv
BUILD_PACKAGES := clang libbpf-dev linux-libc-dev
RUN_PACKAGES   := libbpf1 libpcap0.8 redis-server iproute2
YANG_PACKAGES  := libyang2-tools
TEST_PACKAGES  := bpftool python3-bpfcc openssl libpython3.11 $(YANG_PACKAGES) chromium tshark

# make run DURATION=10 PORTS=4 OTLP=http RATE=500 ARGS='--json'
DEMO_ARGS := $(if $(DURATION),--duration $(DURATION)) $(if $(PORTS),--ports $(PORTS)) $(if $(OTLP),--otlp $(OTLP)) \
             $(if $(RATE),--rate $(RATE)) $(ARGS)
# make test ARGS='-k adopt' JUNIT=report.xml
PYTEST := $(BIN)/python -m pytest $(if $(JUNIT),--junitxml=$(JUNIT))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help build screenshot fmt lint test test-unit test-redis test-kernel test-system bench run clean lock version \
        py-packages build-packages run-packages test-packages yang-packages build-note print-bpf-cflags

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build $(VENV)/.lock run-packages ## a switch in a box: ports, traffic, the agent (DURATION=10 PORTS=4 OTLP=http)
	@$(BIN)/python -m sonic_telegen.demo $(DEMO_ARGS)

test: build $(VENV)/.lock $(CLICK7)/.lock run-packages test-packages ## every tier on this machine, as root
	$(PYTEST) tests/unit tests/redis tests/kernel tests/system $(ARGS)

test-unit: $(VENV)/.lock yang-packages ## no root, no kernel feature
	$(PYTEST) tests/unit $(ARGS)

test-redis: $(VENV)/.lock $(CLICK7)/.lock run-packages ## with a private redis-server
	$(PYTEST) tests/redis $(ARGS)

test-kernel: build $(VENV)/.lock run-packages test-packages ## BPF and tc in namespaces, as root
	$(PYTEST) tests/kernel $(ARGS)

test-system: build $(VENV)/.lock run-packages test-packages ## agent, Redis, kernel and an OTLP receiver together
	$(PYTEST) tests/system $(ARGS)

bench: build $(VENV)/.lock run-packages test-packages ## costs as ratios to a reference
	@for bench in $$(grep -l __main__ tests/bench/*.py); do \
		$(BIN)/python -m tests.bench.$$(basename $$bench .py) || exit 1; done

screenshot: build $(VENV)/.lock run-packages test-packages ## docs/web.png: the web page of an agent under traffic
	$(BIN)/python -m tests.support.screenshot docs/web.png

build: $(BUILD)/telegen.bpf.o $(BUILD)/telegen_plain.bpf.o $(BUILD)/telegen_job.bpf.o $(BUILD)/bcc build-note ## the BPF objects and the note of what was built

$(BUILD)/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) Makefile | build-packages
	@mkdir -p $(BUILD)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(BUILD)/telegen_plain.bpf.o: bpf/telegen.bpf.c $(wildcard bpf/*.h) Makefile | build-packages # without CAP_PERFMON
	@mkdir -p $(BUILD)
	$(CLANG) $(BPF_CFLAGS) $(PLAIN_CFLAGS) -c $< -o $@

$(BUILD)/bcc: $(shell find bpf/bcc -type f) contrib/setup/bcc_headers.sh | build-packages # headers where bcc compiles
	@mkdir -p $(BUILD)
	contrib/setup/bcc_headers.sh $@

build-note:
	@contrib/setup/build_note.sh $(NOTE)

lint: $(VENV)/.lock build-packages yang-packages ## ruff, mypy, pyang, libyang and clang; a warning is an error
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyang --strict -W error -p $(YANG_STAND_INS) yang/sonic-telegen.yang
	yanglint -p $(YANG_STAND_INS) yang/sonic-telegen.yang
	@for source in $(BPF_SOURCES); do echo "$(CLANG) -fsyntax-only $$source"; \
		$(CLANG) $(BPF_CFLAGS) -fsyntax-only $$source || exit 1; done

fmt: $(VENV)/.lock ## format the Python sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

version: build-note $(VENV)/.lock ## version, commit and date of this tree
	@$(BIN)/python -m sonic_telegen --version

lock: $(BUILD)/audit/.lock ## pin the newest versions that contrib/requirements/*.in allow
	cd contrib/requirements && for set in runtime dev audit fleet; do UV_CUSTOM_COMPILE_COMMAND='make lock' \
		$(CURDIR)/$(BUILD)/audit/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-emit-index-url $$set.in -o $$set.lock || exit 1; done

clean: ## remove what was built; the virtual environment stays
	rm -rf $(BUILD) $(NOTE) .mypy_cache .ruff_cache .hypothesis
	find sonic_telegen tests -name __pycache__ -type d -prune -exec rm -rf {} +

print-bpf-cflags: # for tests that build other objects from the same sources
	@echo $(BPF_CFLAGS)

$(VENV)/.lock: $(LOCK) contrib/setup/venv.sh | py-packages
	@contrib/setup/venv.sh $(PYTHON) $(VENV) $(LOCK)

$(CLICK7)/.lock: contrib/requirements/click7.lock $(VENV)/.lock # beside click 8.1 of the environment
	@rm -rf $(CLICK7)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(CLICK7) -r $<
	@touch $@

py-packages:
	@contrib/setup/packages.sh $(PY_PACKAGES)
build-packages:
	@contrib/setup/packages.sh $(BUILD_PACKAGES)
run-packages:
	@contrib/setup/packages.sh $(RUN_PACKAGES)
yang-packages:
	@contrib/setup/packages.sh $(YANG_PACKAGES)
test-packages:
	@contrib/setup/packages.sh $(TEST_PACKAGES)

-include contrib/audit/audit.mk
-include tests/fleet/fleet.mk
-include tests/vm/vm.mk
-include debian/deb.mk
-include tests/image/image.mk
-include contrib/docker/docker.mk
-include contrib/lint/lint.mk
-include contrib/release/release.mk
