#!/usr/bin/env bash
# Builds the documentation of CoreAPIKit into .run/docs. A warning is an error, among them a link
# that leads nowhere; and so is a public symbol without documentation.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build
# A build of its own: the plugin is none of the package's dependencies otherwise.
scratch=.build-docs
rm -rf .run/docs
DOCS=1 swift package --scratch-path "$scratch" --allow-writing-to-directory .run/docs \
    generate-documentation --target CoreAPIKit --warnings-as-errors --output-path .run/docs
mapfile -t graphs < <(find "$scratch/" -name 'CoreAPIKit*.symbols.json')
python3 scripts/check-docs.py "${graphs[@]}"
