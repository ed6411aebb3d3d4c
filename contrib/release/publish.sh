#!/usr/bin/env bash
# publish.sh TAG FOLDER: the release TAG with every package of FOLDER, and the audit's report on main.
#
# After `make release-notes`, which wrote reports/ and README. GH_TOKEN is GitHub's; run by .github/workflows/release.yml.
set -euo pipefail
tag=$1 folder=$2

[[ $tag =~ ^release/mark-v[0-9]+-[0-9]+-[0-9]+$ ]] || { echo "RELEASE=$tag: a tag is release/mark-vX-Y-Z" >&2; exit 1; }
command -v gh >/dev/null || { echo "gh, GitHub's command line, is missing" >&2; exit 1; }
mapfile -d '' packages < <(find "$folder" -name '*.deb' -print0 | sort -z)
[ "${#packages[@]}" -gt 0 ] || { echo "no package in $folder" >&2; exit 1; }

# Packages for different Pythons have one name: the folder that they came in tells them apart.
files=()
for package in "${packages[@]}"; do
	named=$folder/$(basename "${package%.deb}")_$(basename "$(dirname "$package")").deb
	cp "$package" "$named"
	files+=("$named")
done
gh release create "$tag" --verify-tag --title "$tag" --notes-file <(sed -n '/^## /,/^## /p' CHANGELOG.md) "${files[@]}"

git add README.md reports
git diff --cached --quiet && exit 0
git -c user.name='release' -c user.email='release@users.noreply.github.com' commit -m "Audit of $tag"
git push origin HEAD:main
