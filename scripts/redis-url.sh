# Source this file. It splits REDIS_URL, or the URL in REDIS_URL_FILE, and tests whether a server
# listens there. The server itself validates the URL.
# shellcheck shell=bash

redis_url=${REDIS_URL:-}
if [ -z "$redis_url" ] && [ -n "${REDIS_URL_FILE:-}" ]; then
    redis_url=$(cat "$REDIS_URL_FILE") || exit 1
fi
redis_url=${redis_url:-redis://127.0.0.1:6379/0}
redis_scheme=${redis_url%%://*}
redis_address=${redis_url#*://}
redis_address=${redis_address%%\?*}
# The script's own Redis supports any database in the URL, but no login.
case "$redis_url" in
    *@* | *username=* | *password=*) redis_has_login=yes ;;
    *) redis_has_login= ;;
esac

if [ "$redis_scheme" = unix ]; then
    redis_path=/${redis_address#*/}
    # Percent-decoded.
    redis_path=$(printf '%b' "${redis_path//%/\\x}")
    redis_host='' redis_port=''
    redis_place=$redis_path
else
    redis_address=${redis_address%%/*}
    redis_address=${redis_address##*@}
    case "$redis_address" in
        \[*\]:*) redis_port=${redis_address##*:} redis_host=${redis_address%:*} ;;
        \[*\]) redis_port=6379 redis_host=$redis_address ;;
        *:*) redis_port=${redis_address##*:} redis_host=${redis_address%:*} ;;
        *) redis_port=6379 redis_host=${redis_address:-127.0.0.1} ;;
    esac
    redis_host=${redis_host#[}
    redis_host=${redis_host%]}
    redis_host=${redis_host:-127.0.0.1}
    # A text that is not HOST:PORT may contain an unencoded password: do not print it.
    case "$redis_port ${redis_url#*://}" in
        *[!0-9]*\ * | \ * | */*@*) redis_place='the place that the URL names' ;;
        *) redis_place=$redis_host:$redis_port ;;
    esac
fi

# Succeeds if a server listens at the URL.
redis_answers() {
    if [ "$redis_scheme" = unix ]; then
        # A process that has exited may leave its socket's file.
        timeout 2 python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$redis_path" 2> /dev/null
    else
        timeout 2 bash -c 'exec 3<> "/dev/tcp/$0/$1"' "$redis_host" "$redis_port" 2> /dev/null
    fi
}
