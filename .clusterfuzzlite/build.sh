#!/bin/bash -eu
# Called by the base image's `compile`, which has set everything that ci/build-fuzzers needs.
exec "$SRC/kmem/ci/build-fuzzers" "$@"
