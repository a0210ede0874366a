#!/usr/bin/env bash
# Builds the release binary, which benches, gates and the installation use. Swift's libraries are
# linked statically, so that the binary runs without Swift. The toolchain's linker optimises all
# targets together (docs/decisions/0016-instructions.md). It exports no symbols for other programs:
# Swift's would add 390 KB. Packed relative relocations save 610 KB, and need glibc 2.36. Identical
# functions are merged, which saves 350 KB: nothing compares the addresses of functions. A little less
# inlining than by default (225) saves 50 KB, and costs some 60 of a transaction's 33,000 instructions.
# The linker's -O2 merges the ends of literals.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build
swift build -c release --explicit-target-dependency-import-check error --static-swift-stdlib \
    --experimental-lto-mode=full -Xswiftc -use-ld=lld -Xlinker --no-export-dynamic \
    -Xlinker -z -Xlinker pack-relative-relocs -Xlinker --icf=all -Xlinker --gc-sections \
    -Xlinker -mllvm -Xlinker -inline-threshold=200 -Xlinker -O2 --product core-api
