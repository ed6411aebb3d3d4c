#!/usr/bin/env bash
# build_note.sh FILE: note what is being built for `sonic-telegen --version` (sonic_telegen/version.py reads it).
#
# The version is the tag release/mark-vX-Y-Z that stands on the commit, else dev. The file keeps its date until tag or
# commit change; SOURCE_DATE_EPOCH, where set, is the date.
set -euo pipefail
file=$1

version=$(git tag --points-at HEAD --list 'release/mark-v*' --sort=-v:refname 2>/dev/null | head -n 1) || true
commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || commit=unknown
noted=$(printf '"version": "%s", "commit": "%s"' "${version:-dev}" "$commit")
if [ -z "${SOURCE_DATE_EPOCH:-}" ] && grep -qsF "$noted" "$file"; then
	exit 0
fi
date=$(date -u ${SOURCE_DATE_EPOCH:+-d "@$SOURCE_DATE_EPOCH"} +%Y-%m-%dT%H:%M:%SZ)
printf '{%s, "date": "%s"}\n' "$noted" "$date" >"$file.new"
if cmp -s "$file.new" "$file"; then rm "$file.new"; else mv "$file.new" "$file"; fi
