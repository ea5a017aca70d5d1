# Built by `make image`, or by docker, podman or buildah alone. Where there is no engine, `make
# image` writes the same image by itself: docs/adr/0011-an-image-without-an-engine.md.
FROM docker.io/library/rust:1.95.0-slim-bookworm AS build
# The toolchain of the base image, without the lints that rust-toolchain.toml asks for.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN cargo run --locked --quiet --package image -- /image

FROM scratch
# When the image says it was made; engines that know it need not be told.
ARG SOURCE_DATE_EPOCH
# `make image` adds the revision.
LABEL org.opencontainers.image.title="backfill-operator" \
      org.opencontainers.image.description="Captures the pull-request history of GitHub repositories into Postgres" \
      org.opencontainers.image.source="https://github.com/contributor-info/backfill-operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
# Large buffers go back to the system when they are freed; by itself glibc stops doing so once
# it has freed one. Smaller ones are used again by any thread.
ENV MALLOC_MMAP_THRESHOLD_=131072 MALLOC_ARENA_MAX=1
COPY --from=build /image/ /
USER 65532:65532
ENTRYPOINT ["/backfill-operator"]
