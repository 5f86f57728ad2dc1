#!/usr/bin/env bash
# The demo: real applications, workers and traffic on a private Redis, and the dashboard on it.
# Ctrl-C ends everything. Arguments go to the stack, e.g. --traffic-rate 10 --redis-port 0.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DASHBOARD=${DASHBOARD:-$ROOT/target/release/celeriac} PORT=${PORT:-5555}
export STORE=${STORE:-sqlite://$ROOT/.demo/history.db}

# Runs inside the stack, which tells where its Redis is. The address is shown once it answers.
# shellcheck disable=SC2016
dashboard='
announce() {
    until curl --silent --fail --noproxy "*" --output /dev/null "http://127.0.0.1:$PORT/healthcheck"; do sleep 0.2; done
    printf "\n    The dashboard is at  http://localhost:%s\n    Ctrl-C ends the demo.\n\n" "$PORT"
}
announce &
exec "$DASHBOARD" --broker "$CELERY_BROKER_URL" --result-backend "$CELERY_RESULT_BACKEND" --port "$PORT" --store "$STORE"
'

# exec: signals sent to this script reach the supervisor, which ends all it started.
exec "$ROOT/end2end/.venv/bin/python" "$ROOT/end2end/stack/stack.py" \
    up --data-dir "$ROOT/.demo" "$@" -- sh -c "$dashboard"
