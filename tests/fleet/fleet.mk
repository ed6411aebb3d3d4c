# A fleet's collectors and Prometheus, as docs/fleet.md has them, with the real programs. Included by the Makefile.
FLEET          := $(BUILD)/fleet
FLEET_LOCK     := contrib/requirements/fleet.lock
FLEET_PACKAGES := debian-archive-keyring

.PHONY: fleet-test bench-fleet fleet-packages

fleet-test: build $(VENV)/.lock $(FLEET)/.lock run-packages test-packages fleet-packages ## agent, collectors, Prometheus, dashboard, alerts, roll-out
	$(PYTEST) tests/fleet $(ARGS)

bench-fleet: $(VENV)/.lock run-packages test-packages fleet-packages ## how many switches one collector carries (ARGS='--switches 50')
	$(BIN)/python -m tests.fleet.bench $(ARGS)

$(FLEET)/.lock: $(FLEET_LOCK) contrib/setup/venv.sh | py-packages
	@contrib/setup/venv.sh $(PYTHON) $(FLEET) $(FLEET_LOCK)

fleet-packages:
	@contrib/setup/packages.sh $(FLEET_PACKAGES)
