# The supply chain (docs/packaging.md). Included by the Makefile.
AUDIT      := $(BUILD)/audit
AUDIT_LOCK := contrib/requirements/audit.lock
# make audit REQUIRE=1 fails as well where the vulnerability service did not answer; OSV=https://mirror/v1/query; RELEASE=release/mark-v0-1-0
AUDIT_ARGS := $(if $(REQUIRE),--require-answer) $(if $(OSV),--osv $(OSV))

.PHONY: audit release-notes

audit: $(AUDIT)/.lock $(VENV)/.lock ## locks, known vulnerabilities, bandit (REQUIRE=1: no answer is a failure)
	$(AUDIT)/bin/python -m contrib.audit $(AUDIT_ARGS) --report $(AUDIT)/report.json

release-notes: $(AUDIT)/.lock ## audit once more, keep the report under reports/ and sum it up in README (RELEASE=tag)
	$(AUDIT)/bin/python -m contrib.audit $(AUDIT_ARGS) --release '$(RELEASE)'

$(AUDIT)/.lock: $(AUDIT_LOCK) contrib/setup/venv.sh | py-packages
	@contrib/setup/venv.sh $(PYTHON) $(AUDIT) $(AUDIT_LOCK)
