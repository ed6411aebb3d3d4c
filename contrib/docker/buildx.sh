#!/usr/bin/env bash
# buildx.sh FOLDER IMAGE PLATFORM...: the Dockerfile's image for several architectures by docker buildx. Says what is missing.
#
# PUSH=yes pushes it (as DOCKER_USER with DOCKER_TOKEN, where set), also as mark-vX-Y-Z where RELEASE=release/mark-vX-Y-Z;
# else each architecture's goes to FOLDER/telegen-sonic-<arch>.tar.
set -euo pipefail
folder=$1 image=${2,,}
shift 2

missing=()
command -v docker >/dev/null || missing+=("the docker command")
docker buildx version >/dev/null 2>&1 || missing+=("its plug-in buildx (Debian trixie: docker-buildx; Docker's own packages: docker-buildx-plugin)")
docker info >/dev/null 2>&1 || missing+=("a Docker engine that answers: is the daemon running, may you use its socket?")
if [ "${#missing[@]}" -ne 0 ]; then
	printf 'make docker needs %s\n' "${missing[@]}" >&2
	echo "make image builds the same Dockerfile without an engine" >&2
	exit 1
fi
have=$(docker buildx inspect --bootstrap | sed -n 's/^Platforms: *//p' | tr -d '*\n')
for platform in "$@"; do
	if ! grep -qw "$platform" <<<"$have"; then
		echo "make docker: this builder cannot run $platform (it has: $have); Debian: qemu-user-static and binfmt-support" >&2
		exit 1
	fi
done

build=(docker buildx build -f contrib/docker/Dockerfile -t "$image")
if [ "${PUSH:-}" = yes ]; then
	[ -z "${DOCKER_TOKEN:-}" ] || docker login "${image%%/*}" --username "${DOCKER_USER:-}" --password-stdin <<<"$DOCKER_TOKEN"
	[ -z "${RELEASE:-}" ] || build+=(-t "${image%:*}:${RELEASE##*/}")
	"${build[@]}" --platform "$(IFS=,; echo "$*")" --push .
else
	mkdir -p "$folder"
	for platform in "$@"; do
		"${build[@]}" --platform "$platform" --output "type=docker,dest=$folder/telegen-sonic-${platform#*/}.tar" .
	done
	ls -l "$folder"/telegen-sonic-*.tar
fi
