#!/usr/bin/env bash
# image.sh DEB FOLDER: the Dockerfile's image with DEB in it, built by buildah, as FOLDER/telegen-sonic-<arch>.tar.gz,
# which `docker load` and `podman load` take. (An OCI archive would lose the health check: OCI knows none.)
#
# BASE names another base image. Where no registry answers the base is a Debian made by debootstrap and kept in
# TELEGEN_CACHE. No daemon. Only debootstrap needs root; the rest any user may do who has subordinate ids (uidmap).
set -euo pipefail
deb=$(realpath "$1") folder=$(realpath -m "$2")
arch=$(dpkg-deb -f "$deb" Architecture)
base=${BASE:-docker.io/library/debian:bookworm-slim}
suite=$(sed -n 's/.*:\([a-z]*\).*/\1/p' <<<"$base")
cache=${TELEGEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/telegen-sonic}
image=telegen-sonic:${TAG:-latest}

if [ "$arch" != "$(dpkg --print-architecture)" ] && ! grep -qsl enabled /proc/sys/fs/binfmt_misc/qemu-*; then
	echo "this machine runs no programs of $arch, and the image's package is configured by its own: install qemu-user-static and binfmt-support" >&2
	exit 1
fi
mkdir -p "$folder/package"
rm -f "$folder"/package/*
cp "$deb" "$folder/package/"
store=(buildah --root "$folder/storage" --runroot "$folder/run" --storage-driver vfs)
trap '"${store[@]}" rm --all >/dev/null 2>&1 || true; "${store[@]}" rmi --all --force >/dev/null 2>&1 || true; rm -rf "$folder/storage" "$folder/run"' EXIT

if ! "${store[@]}" pull --quiet --arch "$arch" "$base" >/dev/null 2>"$folder/pull.log"; then
	root=$cache/base-$suite-$arch.tar
	echo "$base cannot be pulled ($(tail -n 1 "$folder/pull.log" | cut -c 1-160)); its place takes $root" >&2
	if [ ! -e "$root" ]; then
		mkdir -p "$cache"
		work=$(mktemp -d "$cache/.new-XXXXXX")
		debootstrap --arch "$arch" --variant=minbase "$suite" "$work/root" >"$work/log" || { tail "$work/log" >&2; exit 1; }
		rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
		cp /etc/apt/sources.list.d/debian.sources "$work/root/etc/apt/sources.list.d/" 2>/dev/null && rm "$work/root/etc/apt/sources.list"
		tar -C "$work/root" --sort=name -cf "$root.new" . && mv "$root.new" "$root"
		rm -rf --one-file-system "$work"
	fi
	base=localhost/debian:$suite
	container=$("${store[@]}" from scratch)
	"${store[@]}" add --quiet "$container" "$root" / >/dev/null
	"${store[@]}" config --arch "$arch" --cmd bash "$container"
	"${store[@]}" commit --quiet --rm "$container" "$base" >/dev/null
fi
"${store[@]}" build --isolation chroot --arch "$arch" --build-arg "BASE=$base" --build-arg "TARGETARCH=$arch" --pull-never \
	--build-context "package=$folder/package" --format docker --timestamp "$(git log -1 --format=%ct)" --squash \
	-f contrib/docker/Dockerfile -t "$image" . >"$folder/build.log" 2>&1 || { tail -n 30 "$folder/build.log" >&2; exit 1; }
archive=$folder/telegen-sonic-$arch.tar
rm -f "$archive" "$archive.gz"
"${store[@]}" push --quiet "$image" "docker-archive:$archive:$image"
gzip -n "$archive"
ls -l "$archive.gz"
