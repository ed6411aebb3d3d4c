#!/usr/bin/env bash
# buildx.sh FOLDER TAG PLATFORM...: the image for several architectures, from Debian packages made in FOLDER.
#
# PUSH=yes pushes it (as DOCKER_USER with DOCKER_TOKEN, where set); else each architecture's goes to FOLDER/../container/telegen-sonic-<arch>.tar. Says what is missing.
set -euo pipefail
folder=$1 tag=$2
shift 2

missing=()
command -v docker >/dev/null || missing+=("the docker command")
docker buildx version >/dev/null 2>&1 || missing+=("its plug-in buildx (Debian: docker-buildx, or docker-buildx-plugin of download.docker.com)")
docker info >/dev/null 2>&1 || missing+=("a Docker engine that answers (is the daemon running, may you use its socket?)")
if [ "${#missing[@]}" -ne 0 ]; then
	printf 'make docker needs %s\n' "${missing[@]}" >&2
	echo "make image builds the same Dockerfile without an engine" >&2
	exit 1
fi
have=$(docker buildx inspect --bootstrap | sed -n 's/^Platforms: *//p' | tr -d '*\n')
for platform in "$@"; do
	if ! grep -qw "$platform" <<<"$have"; then
		echo "make docker: this engine cannot run $platform (it has $have); docker run --privileged --rm tonistiigi/binfmt --install ${platform#*/}" >&2
		exit 1
	fi
done

out=$folder/../container
mkdir -p "$out/package"
rm -f "$out"/package/*
for platform in "$@"; do
	debian/build.sh "$folder/sonic-telegen" "${platform#*/}"
	cp "$folder"/sonic-telegen_*_"${platform#*/}".deb "$out/package/"
done
build=(docker buildx build -f contrib/docker/Dockerfile --build-context "package=$out/package" -t "$tag")
if [ "${PUSH:-}" = yes ]; then
	[ -z "${DOCKER_TOKEN:-}" ] || docker login "${tag%%/*}" --username "${DOCKER_USER:-}" --password-stdin <<<"$DOCKER_TOKEN"
	"${build[@]}" --platform "$(IFS=,; echo "$*")" --push .
else
	for platform in "$@"; do
		"${build[@]}" --platform "$platform" --output "type=docker,dest=$out/telegen-sonic-${platform#*/}.tar" .
	done
	ls -l "$out"/telegen-sonic-*.tar
fi
