#!/usr/bin/env bash
# Runs every test under a sanitizer: `thread` or `address`. A finding fails the test, or the run.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build test
for sanitizer in "$@"; do
    scratch=".build-$sanitizer"
    reports="$PWD/.run/$sanitizer-sanitizer"
    rm -rf "$reports"
    mkdir -p "$reports"
    # Findings stand in files, since the server's standard error belongs to its tests. Memory that
    # lives as long as the process is no finding.
    export TSAN_OPTIONS="suppressions=$PWD/scripts/thread-sanitizer.supp log_path=$reports/report"
    export ASAN_OPTIONS="detect_leaks=0 log_path=$reports/report"
    swift build --build-tests --sanitize="$sanitizer" --scratch-path "$scratch"
    swift test --skip-build --sanitize="$sanitizer" --scratch-path "$scratch"
    if find "$reports" -name 'report*' | grep -q .; then
        cat "$reports"/report* >&2
        echo "sanitize: the $sanitizer sanitizer has found something" >&2
        exit 1
    fi
    echo "sanitize: nothing found by the $sanitizer sanitizer"
done
