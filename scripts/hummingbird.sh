#!/usr/bin/env bash
# The example of docs/embedding.md with Hummingbird: built, tested with fakes, and run once with a
# real Redis: a transaction that curl posts must become a job, once, and SIGTERM must end it.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build test
package=(--package-path docs/examples/hummingbird-service --scratch-path .build-hummingbird)
swift build "${package[@]}" --build-tests
swift test "${package[@]}" --skip-build

fail() { echo "hummingbird: $*" >&2; exit 1; }
free_port() {
    python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])'
}
# Retries the command until it succeeds, for at most a minute.
eventually() {
    for _ in $(seq 600); do
        if "$@" > /dev/null 2>&1; then return; fi
        sleep 0.1
    done
    fail "not within a minute: $*"
}

folder=$(mktemp -d)
redis= service=
end() {
    if [ -n "$service" ]; then kill -KILL "$service" 2> /dev/null || true; fi
    if [ -n "$redis" ]; then kill -KILL "$redis" && wait "$redis" 2> /dev/null || true; fi
    rm -rf "$folder"
}
trap end EXIT

redis_port=$(free_port)
redis-server --bind 127.0.0.1 --port "$redis_port" --dir "$folder" --save '' > "$folder/redis.log" &
redis=$!
eventually redis-cli -p "$redis_port" ping

port=$(free_port)
export JWT_SECRET="a secret of 32 bytes or more, from the Auth API"
HTTP_PORT=$port REDIS_URL="redis://127.0.0.1:$redis_port" \
    .build-hummingbird/debug/TransactionService > "$folder/service.log" 2>&1 &
service=$!
url="http://127.0.0.1:$port/transactions"
eventually curl -s --max-time 10 "$url"

# Two tokens of the same user and one key: the second answer is a replay of the first.
for expected in 201 200; do
    token=$(.build/release/core-api token --user-id 1 --username alice)
    answer=$(curl -sS --max-time 60 -w '\n%{http_code}' "$url" \
        -H "Authorization: Bearer $token" -H 'Idempotency-Key: "8e03978e"' \
        -H 'Content-Type: application/json' -d '{"amount": 100, "currency": "USD"}')
    [ "$(tail -n 1 <<< "$answer")" = "$expected" ] || fail "not $expected: $answer"
done
id=$(python3 -c 'import json, sys; print(json.loads(sys.argv[1])["id"])' "$(head -n 1 <<< "$answer")")
jobs=$(redis-cli -p "$redis_port" lrange rq:queue:default 0 -1)
[ "$jobs" = "$id" ] || fail "the queue has not one job, $id, but: $jobs"

kill -TERM "$service"
status=0
wait "$service" || status=$?
service=
[ "$status" = 0 ] || fail "ended with $status: $(cat "$folder/service.log")"
echo "hummingbird: a transaction was posted twice and is one job, $id; the service ended in order"
