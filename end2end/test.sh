#!/usr/bin/env bash
# Every check and every test. The output of each part is shown and kept in target/test-logs/;
# the last line sums up the tests of all parts. A check, a build or a part that breaks before
# it could count its tests is one failure.
set -uo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LOGS=$ROOT/target/test-logs
PYTHON=$ROOT/end2end/.venv/bin/python
PYTEST_XML=$LOGS/stack.xml
BROWSER_JSON=$LOGS/browser.json
export CARGO_TERM_COLOR=never

passed=0 failed=0 skipped=0
report=()

# step NAME COUNTER COMMAND...: runs the command, then adds what COUNTER finds.
step() {
    local name=$1 counter=$2 status p f s
    shift 2
    printf '\n== %s: %s\n' "$name" "$*"
    "$@" 2>&1 | tee "$LOGS/$name.log"
    status=${PIPESTATUS[0]}
    read -r p f s < <("$counter" "$LOGS/$name.log" 2>/dev/null || echo 0 0 0)
    if [ "$status" -ne 0 ] && [ "${f:-0}" -eq 0 ]; then f=1; fi
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
    report+=("$(printf '%-12s %5d passed %5d failed %5d skipped' "$name" "${p:-0}" "${f:-0}" "${s:-0}")")
    return "$status"
}

# The counters: print "passed failed skipped" for a part.
count_nothing() { echo 0 0 0; }

count_cargo() {
    awk '/^test result:/ { p += $4; f += $6; s += $8 } END { print p + 0, f + 0, s + 0 }' "$1"
}

count_pytest() {
    "$PYTHON" - "$PYTEST_XML" <<'PYTHON'
import sys
from xml.etree import ElementTree

suites = list(ElementTree.parse(sys.argv[1]).iter("testsuite"))
total, failures, errors, skipped = (sum(int(s.get(k)) for s in suites) for k in ("tests", "failures", "errors", "skipped"))
print(total - failures - errors - skipped, failures + errors, skipped)
PYTHON
}

count_playwright() {
    "$PYTHON" - "$BROWSER_JSON" <<'PYTHON'
import json
import sys

with open(sys.argv[1]) as file:
    report = json.load(file)
stats = report["stats"]
print(stats["expected"] + stats["flaky"], stats["unexpected"] + len(report["errors"]), stats["skipped"])
PYTHON
}

browser_types() {
    (cd "$ROOT/end2end" && npm run --silent check)
}

browser_tests() {
    (cd "$ROOT/end2end" && PLAYWRIGHT_JSON_OUTPUT_NAME=$BROWSER_JSON npx --no-install playwright test --reporter=list,json)
}

stack_tests() {
    "$PYTHON" -m pytest -p no:cacheprovider --junitxml="$PYTEST_XML" \
        "$ROOT/end2end/stack/tests" "$ROOT/end2end/load/tests"
}

cd "$ROOT" || exit 1
rm -rf "$LOGS"
mkdir -p "$LOGS"

step fmt count_nothing cargo fmt --all --check
step clippy count_nothing cargo clippy --workspace --all-targets -- -D warnings
step clippy-wasm count_nothing \
    cargo clippy -p app --lib --no-default-features --features hydrate --target wasm32-unknown-unknown -- -D warnings
step cargo count_cargo cargo test --workspace --no-fail-fast
step stack count_pytest stack_tests
step types count_nothing browser_types
# Without a fresh binary the browser tests would prove nothing.
if step build count_nothing make --no-print-directory build; then
    step browser count_playwright browser_tests
fi

printf '\n'
printf '%s\n' "${report[@]}" ''
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
