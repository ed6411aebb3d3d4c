# Tests on Debian's stock kernels in QEMU without KVM (tests/vm/README.md). Included by the Makefile.
VM_KERNELS  ?= 5.10 6.1 6.12
VM_PACKAGES := qemu-system-x86 busybox-static kmod cpio zstd iproute2 debian-archive-keyring

# `make test ARGS=tests/matrix` adds the part that .ci/run wants of each kernel to the other tiers.
.PHONY: test-vm vm-verifier vm-kernels vm-packages

test-vm: build $(VENV)/.lock run-packages test-packages vm-packages ## on Debian's 5.10, 6.1 and 6.12 (VM_KERNELS=6.1)
	$(BIN)/python -m tests.vm.suite $(foreach kernel,$(VM_KERNELS),--kernel $(kernel)) $(BUILD)/vm $(ARGS)

vm-verifier: build $(VENV)/.lock run-packages vm-packages ## how much work programs are for each kernel, kept in tests/vm/verifier.json
	$(BIN)/python -m tests.vm.verifier

vm-kernels: $(VENV)/.lock vm-packages ## fetch the kernels for test-vm, or newer ones
	$(BIN)/python -m tests.vm.fetch_kernels --update $(VM_KERNELS)

vm-packages:
	@contrib/setup/packages.sh $(VM_PACKAGES)
