# The package on an installed system (tests/image/run.py). Included by the Makefile.
IMAGES               := bookworm trixie
IMAGE_PYTHON_bookworm := 3.11
IMAGE_PYTHON_trixie   := 3.13

.PHONY: test-image $(IMAGES:%=test-image-%)

test-image: $(IMAGES:%=test-image-%) ## the package under systemd in QEMU: Debian bookworm, then trixie (test-image-trixie: one of them; ARGS=live: one part)

$(IMAGES:%=test-image-%): test-image-%: vm-packages deb-test-packages $(VENV)/.lock
	$(MAKE) deb TELEGEN_PYTHON=$(IMAGE_PYTHON_$*) DEB=$(BUILD)/deb-$*
	$(BIN)/python -u -m tests.image.run $* $(BUILD)/deb-$*/sonic-telegen_*_$$(dpkg --print-architecture).deb $(BUILD)/image/$* $(ARGS)
