#!/usr/bin/env bash
# Runs the server and its prerequisites: packages, Redis, a release build, a secret.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/redis-url.sh

say() { printf 'run: %s\n' "$*" >&2; }

# The script's own Redis, with durability: every write is on disk before its confirmation.
start_redis() {
    scripts/setup.sh redis
    if redis_answers; then return; fi
    local directory="$PWD/.run/redis"
    mkdir -p "$directory"
    redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$directory" --daemonize yes \
        --appendonly yes --appendfsync always --save '' \
        --pidfile "$directory/redis.pid" --logfile "$directory/redis.log" > /dev/null
    for _ in $(seq 100); do
        if redis_answers; then break; fi
        sleep 0.1
    done
    redis_answers || { say "Redis does not start: see .run/redis/redis.log"; exit 1; }
    say "no Redis answered on port $redis_port, so one of our own runs now, append-only, in .run/redis"
    say "stop it with: scripts/stop-redis.sh"
}

# The script's own Redis listens on TCP, without TLS and without a login.
prepare_redis() {
    if redis_answers; then
        say "using the Redis that answers at $redis_place"
        return
    fi
    case "$redis_scheme:$redis_host" in
        redis:127.* | redis:localhost)
            if [ -z "$redis_has_login" ]; then start_redis; return; fi
            say "Redis does not answer at $redis_place, and the Redis of this script has no login"
            ;;
        *) say "Redis does not answer at $redis_place: the server keeps trying" ;;
    esac
}

if [ "${QUEUE:-}" != memory ]; then prepare_redis; fi
scripts/build.sh >&2
if [ -z "${JWT_SECRET:-}${JWT_SECRET_FILE:-}${JWT_JWKS_FILE:-}${JWT_JWKS_URL:-}" ]; then
    export JWT_SECRET=secret
    export HTTP_HOST=${HTTP_HOST:-127.0.0.1}
    say "WARNING: JWT_SECRET is not set, so it is 'secret': for trials only, everybody can sign with it"
    say "so the server listens on $HTTP_HOST (HTTP_HOST): every client that reaches it can post"
fi
# The operators' page needs a password, one for trials if none is given, and a port: the next one,
# for this machine alone.
if [ -z "${CONSOLE_PASSWORD_FILE:-}" ]; then
    # A Unix socket has no port.
    case "${METRICS_HOST:-}" in unix:*) needs_port= ;; *) needs_port=yes ;; esac
    if [ -n "$needs_port" ] && [ -z "${METRICS_PORT:-}" ]; then
        port=${HTTP_PORT:-5000}
        export METRICS_PORT=$((port == 0 ? 0 : port + 1))
        export METRICS_HOST=${METRICS_HOST:-127.0.0.1}
    fi
    export CONSOLE_PASSWORD_FILE="$PWD/.run/console-password"
    mkdir -p .run
    if [ ! -s "$CONSOLE_PASSWORD_FILE" ]; then
        (umask 077; od -An -N12 -tx1 /dev/urandom | tr -d ' \n' > "$CONSOLE_PASSWORD_FILE")
    fi
    host=${METRICS_HOST:-${HTTP_HOST:-0.0.0.0}}
    [ "$host" != 0.0.0.0 ] || host=127.0.0.1
    port=${METRICS_PORT:-}
    [ "$port" != 0 ] || port=PORT
    case "$host" in
        unix:*) place="localhost/console/ at $host" ;;
        *:*) place="[$host]:$port/console/" ;;
        *) place="$host:$port/console/" ;;
    esac
    say "the console: http://operator:$(cat "$CONSOLE_PASSWORD_FILE")@$place"
fi
exec .build/release/core-api
