# The image of Berth, for amd64 and arm64:
#   docker buildx build --platform linux/amd64,linux/arm64 --tag REPOSITORY:TAG .
# `make image` writes the same file system as an OCI archive without a container engine.
FROM debian:bookworm-slim AS build
# clang 16 is bookworm's newest; the shim needs 15 or later.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates clang-16 lld-16 libc6-dev make nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN tools/build.sh dist && node_modules/.bin/bun tools/image/main.ts --tree /image

FROM scratch
COPY --from=build /image/ /
ENV PATH=/ SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENTRYPOINT ["/berth"]
