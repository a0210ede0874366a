#!/usr/bin/env bash
# Runs every test under a sanitizer: `thread` or `address`. With --short no simulation is run, the
# thread sanitizer runs the integration tests below alone, and the address sanitizer none. A failed test is an error. A finding in two runs
# is an error: the thread sanitizer has rare false alarms, since it does not see all of
# Synchronization.Mutex (thread-sanitizer.supp). The address sanitizer ends the faulty process, so
# its findings mostly show as failed tests.
set -euo pipefail
cd "$(dirname "$0")/.."

short=false
if [[ ${1:-} == --short ]]; then
    short=true
    shift
fi

# The integration tests of what several threads share.
shared='QueueContractTests|RedisQueueTests|ProducerSessionTests|SharedEventLoopTests'
shared+='|TransactionConsumerTests|ConsumerOutageTests|ClusterQueueTests|SentinelQueueTests'
shared+='|KeySetSourceTests|KeySetServerTests|SecretRotationTests|RedisRotationTests'
shared+='|StatusContractTests|RateLimitTests|ConsoleTests|MetricsTests|SpanExportTests'

# The filters of the runs, one a line: the tests that need no other process, then the suites of the
# integration tests, some at a time. Hundreds of tests at once would starve each other, and slow
# stream consumers would lose their leases.
parts() {
    local suites=(swift test list --skip-build --sanitize="$sanitizer" --scratch-path "$scratch")
    if $short; then
        echo '^CoreAPI'
        if [[ $sanitizer == address ]]; then return; fi
        echo "$shared" | tr '|' '\n' | paste -sd '|||||\n' \
            | sed 's,.*,^IntegrationTests\\.(&)/,'
        return
    else
        echo '^CoreAPI|^SimulationTests'
    fi
    # LayerTests starts the compiler alone.
    "${suites[@]}" | sed -n 's,^IntegrationTests\.\([A-Za-z0-9_]*\)/.*,\1,p' | sort -u \
        | grep -v LayerTests | paste -sd '|||||\n' | sed 's,.*,^IntegrationTests\\.(&)/,'
}

# Runs the tests. Succeeds if the sanitizer has no finding. The sanitizer writes its findings to
# files, because tests read the server's standard error.
run_tests() {
    rm -rf "$reports"
    mkdir -p "$reports"
    local list filters filter
    list=$(parts) || { echo "sanitize: the tests cannot be listed" >&2; exit 1; }
    mapfile -t filters <<< "$list"
    for filter in "${filters[@]}"; do
        swift test --skip-build --sanitize="$sanitizer" --scratch-path "$scratch" \
            --filter "$filter" && continue
        show_reports || true
        echo "sanitize: a test failed under the $sanitizer sanitizer" >&2
        exit 1
    done
    ! show_reports
}

# Succeeds if the run has findings.
show_reports() {
    find "$reports" -name 'report*' -exec cat {} + >&2
    find "$reports" -name 'report*' | grep -q .
}

scripts/setup.sh build test
for sanitizer in "$@"; do
    scratch=".build-$sanitizer"
    reports="$PWD/.run/$sanitizer-sanitizer"
    # A finding counts by its report, not by the status of a program that a test has started.
    export TSAN_OPTIONS="exitcode=0 suppressions=$PWD/scripts/thread-sanitizer.supp log_path=$reports/report"
    # Memory that lives as long as the process is not a leak.
    export ASAN_OPTIONS="detect_leaks=0 log_path=$reports/report"
    swift build --build-tests --sanitize="$sanitizer" --scratch-path "$scratch"
    if ! run_tests; then
        echo "sanitize: found something, so once more" >&2
        if ! run_tests; then
            echo "sanitize: the $sanitizer sanitizer has found something" >&2
            exit 1
        fi
    fi
    echo "sanitize: nothing found by the $sanitizer sanitizer"
done
