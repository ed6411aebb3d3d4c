# src/sonic-telegen is this repository as a submodule.
SONIC_TELEGEN_VERSION = 0.1.0
SONIC_TELEGEN = sonic-telegen_$(SONIC_TELEGEN_VERSION)_$(CONFIGURED_ARCH).deb
$(SONIC_TELEGEN)_SRC_PATH = $(SRC_PATH)/sonic-telegen
SONIC_DPKG_DEBS += $(SONIC_TELEGEN)
