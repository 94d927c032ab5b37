# Debian 13 with what ./ci/fuzz needs, or with SET=board or SET=test more. The tree is mounted, not copied:
#   docker build -t kmem . && docker run --rm -it -v "$PWD:/kmem" kmem ./ci/fuzz --for 1m
FROM debian:trixie-slim
ARG SET=fuzz
COPY ci/setup /setup/ci/
COPY ci/lib/common.sh ci/lib/packages /setup/ci/lib/
COPY cmake/clang /setup/cmake/
RUN /setup/ci/setup $SET && rm -rf /setup /var/lib/apt/lists/*
WORKDIR /kmem
