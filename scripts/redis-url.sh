# To be sourced: takes REDIS_URL apart, and asks whether a Redis answers there.
# shellcheck shell=bash

REDIS_URL=${REDIS_URL:-redis://127.0.0.1:6379/0}
redis_address=${REDIS_URL#redis://}
redis_address=${redis_address##*@}
redis_address=${redis_address%%/*}
case "$redis_address" in
    \[*\]:*) redis_port=${redis_address##*:} redis_host=${redis_address%:*} ;;
    \[*\]) redis_port=6379 redis_host=$redis_address ;;
    *:*) redis_port=${redis_address##*:} redis_host=${redis_address%:*} ;;
    *) redis_port=6379 redis_host=${redis_address:-127.0.0.1} ;;
esac
redis_host=${redis_host#[}
redis_host=${redis_host%]}
redis_host=${redis_host:-127.0.0.1}

# Whether something listens there.
redis_answers() {
    timeout 2 bash -c 'exec 3<> "/dev/tcp/$0/$1"' "$redis_host" "$redis_port" 2> /dev/null
}
