#!/usr/bin/env bash
# Builds the documentation of CoreAPIKit into .run/docs. A warning, such as a broken link, is an
# error. scripts/public-surface.py finds public declarations without documentation.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build
# Use a separate build: only the documentation depends on the plugin.
scratch=.build-docs
mkdir -p .run
rm -rf .run/docs
DOCS=1 swift package --scratch-path "$scratch" --allow-writing-to-directory .run/docs \
    generate-documentation --target CoreAPIKit --warnings-as-errors --output-path .run/docs
