#!/usr/bin/env bash
# venv.sh PYTHON DIRECTORY LOCK: a virtual environment with exactly what the lock names, hashes checked.
#
# DIRECTORY/.lock holds the checksum of the lock that was installed: a lock that was merely touched costs nothing, one
# that changed makes a new environment, so that a package which left it is not found by accident.
set -euo pipefail
python=$1 directory=$2 lock=$3

sum=$(sha256sum <"$lock")
if [ -e "$directory/.lock" ]; then
	if [ "$(cat "$directory/.lock")" = "$sum" ]; then
		touch "$directory/.lock"
		exit 0
	fi
	rm -rf "$directory"
fi
echo "installing $lock into $directory" >&2
"$python" -m venv --system-site-packages "$directory"
"$directory/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$lock"
printf '%s\n' "$sum" >"$directory/.lock"
