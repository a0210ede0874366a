#!/usr/bin/env bash
# Builds the release binary: what is measured, checked and installed. Swift's own libraries are
# linked into it, so that it runs where Swift is not, and what is ours is optimised as one at link
# time, by the toolchain's own linker (docs/decisions/0016-instructions.md).
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build
swift build -c release --explicit-target-dependency-import-check error --static-swift-stdlib \
    --experimental-lto-mode=full -Xswiftc -use-ld=lld \
    --product core-api
