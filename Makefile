# telegen-sonic. Two commands do everything on a fresh Debian bookworm as root: `make run` and `make test`.
PYTHON   := /usr/bin/python3
VENV     := .venv
BIN      := $(VENV)/bin
BUILD    := build
CLANG    ?= clang
ARCH_INC := /usr/include/$(shell uname -m)-linux-gnu
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v2 -Wall -Wextra -Werror -Ibpf -I$(ARCH_INC)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(BUILD)/telegen.bpf.o ## the BPF object

$(BUILD)/telegen.bpf.o: bpf/telegen.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(BUILD)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

.PHONY: help build
