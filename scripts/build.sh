#!/usr/bin/env bash
# Builds the release binary: what is measured, checked and installed. Swift's own libraries are
# linked into it, so that it runs where Swift is not.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build
swift build -c release --static-swift-stdlib --experimental-lto-mode=full -Xswiftc -use-ld=lld \
    --product core-api
