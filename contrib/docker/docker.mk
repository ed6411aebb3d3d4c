# The container (docs/container.md). Included by the Makefile.
CONTAINER       := $(BUILD)/container
IMAGE_PACKAGES  := buildah debootstrap
DOCKER_PLATFORMS ?= linux/amd64 linux/arm64
DOCKER_TAG      ?= telegen-sonic:latest

.PHONY: image docker test-container image-packages

image: deb image-packages ## the container image, without a Docker engine (DEB_ARCH=arm64 where this machine runs it)
	@contrib/docker/image.sh "$$(ls $(DEB)/sonic-telegen_*_$(DEB_ARCH).deb)" $(CONTAINER)

docker: build-note ## the image for amd64 and arm64 by docker buildx (DOCKER_TAG=…, PUSH=yes)
	@contrib/docker/buildx.sh $(CONTAINER) $(DOCKER_TAG) $(DOCKER_PLATFORMS)

test-container: image $(VENV)/.lock run-packages test-packages ## make image, and that as an operator runs it, in namespaces
	$(PYTEST) tests/container $(ARGS)

image-packages:
	@contrib/setup/packages.sh $(IMAGE_PACKAGES)
