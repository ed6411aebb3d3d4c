# The Debian package (docs/packaging.md). Included by the Makefile.
DEB          := $(BUILD)/deb
DEB_SOURCE   := $(DEB)/sonic-telegen
DEB_ARCH     ?= $(shell dpkg --print-architecture)
DEB_PACKAGES := debhelper dh-python llvm lintian
DEB_TEST_PACKAGES := debootstrap redis-server python3-bpfcc

.PHONY: deb deb-test deb-packages deb-test-packages

deb: build-packages deb-packages $(AUDIT)/.lock ## the Debian package, checked by lintian (DEB_ARCH=arm64, TELEGEN_PYTHON=3.13)
	@TELEGEN_SBOM_PYTHON=$(CURDIR)/$(AUDIT)/bin/python debian/build.sh $(DEB_SOURCE) $(DEB_ARCH)

deb-test: deb deb-test-packages ## built twice, equal; installed into a Debian of its own, and purged
	@TELEGEN_SBOM_PYTHON=$(CURDIR)/$(AUDIT)/bin/python debian/test.sh $(DEB)

deb-packages:
	@contrib/setup/packages.sh $(DEB_PACKAGES)

deb-test-packages:
	@contrib/setup/packages.sh $(DEB_TEST_PACKAGES)
