#!/usr/bin/env bash
# Runs a PSP connector for trials: a python-rq worker that prints the transactions it processes.
# The arguments, such as --burst, are passed to the worker.
set -euo pipefail
cd "$(dirname "$0")/.."

queue=${QUEUE:-rq:default}
case "$queue" in
    rq:?*) ;;
    *)
        echo "connector: QUEUE is $queue, and python-rq takes jobs from rq:NAME alone" >&2
        exit 78
        ;;
esac
scripts/setup.sh connector
exec .run/rq-1.10.0/bin/python scripts/connector.py --queue "${queue#rq:}" "$@"
