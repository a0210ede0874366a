#!/usr/bin/env bash
# Fuzzes each target, or the named targets, for FUZZ_SECONDS (60), starting from its corpus.
# Findings, and inputs that reach new code, are written to .run/fuzz/. A finding sets status 1.
#
#   scripts/fuzz.sh [TARGET...]         fuzz
#   scripts/fuzz.sh --replay [TARGET..] run the corpus alone
#   scripts/fuzz.sh --merge TARGET...   add inputs that reach new code to the corpus: review them,
#                                       and keep below 250 files in all
set -euo pipefail
cd "$(dirname "$0")/.."

mode=fuzz
case "${1:-}" in --replay | --merge) mode=${1#--} && shift ;; esac
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    for folder in Fuzz/corpus/*/; do targets+=("$(basename "$folder")"); done
fi
seconds=${FUZZ_SECONDS:-60}

scripts/setup.sh build
# An optimized build keeps the checks of overflows, bounds and preconditions. The address sanitizer
# checks the C code. The linker is lld: gold fails on the sanitizers' symbols.
FUZZ=1 swift build --scratch-path .build-fuzz -c release --product Fuzz \
    -Xswiftc -sanitize=fuzzer,address -Xswiftc -enable-testing \
    -Xswiftc -assert-config -Xswiftc Debug -Xswiftc -use-ld=lld

# libFuzzer prints the stack; Swift's own crash report would block it.
export SWIFT_BACKTRACE=enable=no
export FUZZ_TARGET
found=0
mkdir -p .run/fuzz
for FUZZ_TARGET in "${targets[@]}"; do
    corpus="Fuzz/corpus/$FUZZ_TARGET"
    grown=".run/fuzz/$FUZZ_TARGET"
    log="$grown.log"
    mkdir -p "$grown"
    arguments=(-artifact_prefix=".run/fuzz/$FUZZ_TARGET-" -timeout=10 -print_final_stats=1)
    dictionary="Fuzz/dictionaries/$FUZZ_TARGET.dict"
    if [ -e "$dictionary" ]; then arguments+=("-dict=$dictionary"); fi
    case "$mode" in
        fuzz) arguments+=("-max_total_time=$seconds" "$grown" "$corpus") ;;
        replay) arguments+=(-runs=0 "$corpus") ;;
        # Without counters: keep an input for new code, not for how often code ran.
        merge) arguments+=(-set_cover_merge=1 -use_counters=0 "$corpus" "$grown") ;;
    esac
    if .build-fuzz/release/Fuzz "${arguments[@]}" > "$log" 2>&1 < /dev/null; then
        printf 'fuzz: %s: %s\n' "$FUZZ_TARGET" \
            "$(grep -aE 'cov: [0-9]+|MERGE-OUTER: .* new' "$log" | tail -n 1)"
    else
        found=1
        grep -aE 'found: |Fatal error|ERROR: |SUMMARY|Test unit written' "$log" || tail -n 5 "$log"
        printf 'fuzz: %s: FOUND, see %s\n' "$FUZZ_TARGET" "$log"
    fi
done
exit "$found"
