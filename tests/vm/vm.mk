# Tests on Debian's stock kernels in QEMU without KVM (tests/vm/README.md). Included by the Makefile.
VM_KERNELS  ?= 5.10 6.1 6.12
VM_PACKAGES := qemu-system-x86 busybox-static kmod cpio zstd iproute2 debian-archive-keyring
VM_OUT      := $(BUILD)/vm

.PHONY: test-vm vm-kernels vm-packages

vm-packages:
	@missing=$$(for p in $(VM_PACKAGES); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q ' installed$$' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing; \
	fi

vm-kernels: vm-packages ## fetch Debian's kernels for test-vm, or newer ones
	$(BIN)/python -m tests.vm.fetch_kernels --update $(VM_KERNELS)

test-vm: vm-packages $(BUILD)/telegen.bpf.o ## load, count, adopt and detach on Debian's 5.10, 6.1 and 6.12
	$(BIN)/python -m tests.vm.suite $(VM_OUT) $(VM_KERNELS)
