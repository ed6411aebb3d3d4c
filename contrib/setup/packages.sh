#!/usr/bin/env bash
# Install the Debian packages named as arguments that are missing; nothing is asked of the network when none is.
#
# redis-server is wanted as a program, not as a service: for the length of the install a policy keeps Debian's scripts
# from starting anything, and its unit is disabled when it was this install that brought it.
set -euo pipefail

installed=$(dpkg-query -W -f='${Package}=${db:Status-Status}\n' "$@" 2>/dev/null) || true # it fails for unknown ones
missing=()
for package in "$@"; do
	grep -qx "$package=installed" <<<"$installed" || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "missing packages, and only root can install them: apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi

echo "installing ${missing[*]}" >&2
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o DPkg::Lock::Timeout=300)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >&2
if grep -qw redis-server <<<"${missing[*]}"; then
	deb-systemd-helper disable redis-server.service >/dev/null 2>&1 || true # a Debian without systemd's units has none
fi
