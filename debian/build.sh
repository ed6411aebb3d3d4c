#!/usr/bin/env bash
# build.sh FOLDER ARCHITECTURE: build the package from a copy of this tree in FOLDER; it appears beside FOLDER.
#
# The copy holds what git knows or would take, and the note of what is being built: the package needs no git.
set -euo pipefail
folder=$1 arch=$2

rm -rf "$folder"
mkdir -p "$folder"
git ls-files -coz --exclude-standard -- . ':!tests' ':!.ci' ':!.schemathesis' | tar --null --ignore-failed-read -cT - | tar -xC "$folder"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
contrib/setup/build_note.sh "$folder/sonic_telegen/build.json"
cd "$folder"
version=$(dpkg-parsechangelog -S Version)
dpkg-buildpackage --build=binary --no-sign --host-arch "$arch" -d >../build.log 2>&1 || { tail -n 40 ../build.log >&2; exit 1; }
cd ..
lintian --fail-on error,warning --allow-root "sonic-telegen_${version}_$arch.changes"
ls -l "$PWD/sonic-telegen_${version}_$arch.deb"
