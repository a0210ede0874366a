#!/usr/bin/env bash
# Stops the Redis that `make run` started, if it runs. Its data stays in .run/redis.
set -euo pipefail
cd "$(dirname "$0")/.."

pidfile=.run/redis/redis.pid
[ -f "$pidfile" ] || exit 0
pid=$(cat "$pidfile")
# A stale PID file may name an unrelated process.
[ "$(readlink "/proc/$pid/cwd")" = "$PWD/.run/redis" ] || exit 0
kill "$pid"
for _ in $(seq 100); do
    kill -0 "$pid" 2> /dev/null || exit 0
    sleep 0.1
done
echo "stop-redis: process $pid does not end" >&2
exit 1
