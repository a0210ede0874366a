#!/usr/bin/env bash
# Checks the installed binary, or the binary given as an argument: its size, its shared libraries
# against docs/operations.md, and that it serves requests. Foundation would add 40 MB.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${1:-dist/core-api}
bytes_max=10000000

fail() { echo "binary: $*" >&2; exit 1; }

bytes=$(stat -c %s "$binary")
[ "$bytes" -le "$bytes_max" ] || fail "$binary has $bytes bytes, more than $bytes_max"

# Allowed shared libraries: not Swift's, not Foundation.
needed=$(ldd "$binary" | sed -E 's/^[[:space:]]*([^ ]+).*/\1/; s/.*\///' | sort)
while read -r library; do
    case "$library" in
        linux-vdso.so.* | ld-linux-*.so.* | libc.so.* | libm.so.* | libgcc_s.so.*) ;;
        libstdc++.so.* | libcrypto.so.* | libssl.so.* | libhiredis.so.*) ;;
        *) fail "$binary needs $library" ;;
    esac
done <<< "$needed"

# Some string functions, such as firstRange(of:), link 1.4 MB of regular expressions.
if grep -q '_RegexParser' "$binary"; then
    fail "$binary has an engine of regular expressions: use firstRange(ofASCII:) instead of ranges of texts"
fi

# The binary answers requests in an empty environment and exits with status 0.
log=$(mktemp)
server=
end() {
    if [ -n "$server" ]; then kill -KILL "$server" 2> /dev/null || true; fi
    rm -f "$log"
}
trap end EXIT
secret=$(head -c 32 /dev/urandom | base64)
env -i JWT_SECRET="$secret" QUEUE=memory HTTP_HOST=127.0.0.1 HTTP_PORT=0 LOG_FORMAT=json \
    "$binary" 2> "$log" &
server=$!
port=
for _ in $(seq 600); do
    port=$(sed -n 's/.*"message":"listening".*"port":"\([0-9]*\)".*/\1/p' "$log")
    if [ -n "$port" ] || ! kill -0 "$server" 2> /dev/null; then break; fi
    sleep 0.1
done
[ -n "$port" ] || fail "$binary does not listen: $(cat "$log")"
token=$(env -i JWT_SECRET="$secret" "$binary" token --user-id 1 --username alice)
body="{\"amount\":100,\"currency\":\"USD\",\"token\":\"$token\"}"
exec 3<> "/dev/tcp/127.0.0.1/$port"
printf 'POST /transaction HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' \
    "${#body}" "$body" >&3
answer=$(timeout 60 cat <&3)
case "$answer" in
    'HTTP/1.1 200 '*'{"amount":100,"currency":"USD","user_id":1}') ;;
    *) fail "a transaction was answered by: $answer" ;;
esac
kill -TERM "$server"
status=0
wait "$server" || status=$?
server=
[ "$status" = 0 ] || fail "$binary ended with $status: $(cat "$log")"

echo "binary: $bytes bytes, $(wc -l <<< "$needed") libraries, none of Swift's; it serves, and ends in order"
