# One image with every program. `make images` (cargo xtask images) builds it, also where no image can be pulled.
#
#   BASE      what the programs run on: glibc 2.34 or newer, bash, CA certificates
#   BUILDER   where they are compiled: Rust and what BUILDER's apt-get adds below (Node for vtctld's web pages)
#   PROGRAMS  `build` compiles them here; `prebuilt` takes them from the folder programs/ of the build context
#
# BuildKit skips the stages that are not asked for, so that with `prebuilt` BUILDER is never fetched.
ARG BASE=debian:bookworm-slim
ARG BUILDER=rust:1-bookworm
ARG PROGRAMS=build

FROM ${BUILDER} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends protobuf-compiler libprotobuf-dev nodejs npm \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/tmp/npm cd web && npm ci --cache /tmp/npm --no-audit --no-fund && npm run build
# What --version says.
ARG VIVACE_GIT_REVISION=unknown
ARG VIVACE_GIT_BRANCH=unknown
ARG VIVACE_BUILD_TIME=unknown
# The image's own Rust, not the one that rust-toolchain.toml would fetch.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    export RUSTUP_TOOLCHAIN="${RUST_VERSION:-stable}" \
 && cargo build --release --locked -p vtgate -p vttablet -p vtctld -p vtctlclient -p vtorc -p mysqlctl \
 && mkdir /programs \
 && for program in vtgate vttablet vtctld vtctldclient vtorc mysqlctl mysqlctld; do \
        strip -o "/programs/$program" "target/release/$program"; \
    done

# For where BUILDER cannot be had: a build context that holds the programs.
FROM scratch AS prebuilt
COPY programs/ /programs/

FROM ${PROGRAMS} AS chosen

FROM ${BASE}
# The number that MySQL's and MariaDB's official images give their server's user: the Unix sockets that a tablet
# and its mysqld share belong to it.
RUN groupadd --gid 999 vitess \
 && useradd --uid 999 --gid 999 --no-create-home --home-dir /vt --shell /usr/sbin/nologin vitess \
 && install -d -o 999 -g 999 /vt
COPY --chmod=0755 docker/healthz /usr/local/bin/healthz
COPY --from=chosen /programs/ /usr/local/bin/
USER 999:999
ENV VTDATAROOT=/vt
# Nothing is written but below /vt: the root filesystem may be read-only. No entrypoint: one image, many programs.
CMD ["vtctldclient", "--help"]
