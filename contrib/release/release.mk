# What .github/workflows/release.yml does last (contrib/audit/audit.mk has release-notes).
.PHONY: release-publish

release-publish: # GitHub's release with the packages of build/release, the report to main (RELEASE=tag)
	@contrib/release/publish.sh '$(RELEASE)' $(BUILD)/release
