#!/usr/bin/env bash
# The release binary must start without Foundation: it would bring 40 MB of libraries along.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=.build/release/core-api
libraries=$(ldd "$binary")
if grep -i foundation <<< "$libraries" >&2; then
    echo "binary: $binary needs Foundation" >&2
    exit 1
fi
echo "binary: $(stat -Lc %s "$binary") bytes, $(wc -l <<< "$libraries") libraries, no Foundation"
