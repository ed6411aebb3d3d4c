# The package on an installed system (tests/image/run.py). Included by the Makefile.
IMAGE ?= bookworm

.PHONY: test-image

test-image: deb vm-packages deb-test-packages $(VENV)/.lock ## the package under systemd in QEMU, two boots (IMAGE=bookworm)
	$(BIN)/python -m tests.image.run $(IMAGE) $(DEB)/sonic-telegen_*_$$(dpkg --print-architecture).deb $(BUILD)/image/$(IMAGE)
