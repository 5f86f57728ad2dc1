#!/usr/bin/env bash
# Makes sure that what the project needs is there:  install.sh build|demo|test
#   build  what the binary needs: compiler, cargo, the WebAssembly target
#   demo   that, Redis, and the Python environment of the demo applications
#   test   that, PostgreSQL, an old Celery, Node.js, Chromium and the packages of the browser tests
# Does nothing, quickly, when nothing is missing.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/end2end/.venv
OLD_VENV=$ROOT/end2end/.venv-5.2
POLICY=/usr/sbin/policy-rc.d
CLUSTER_SETTINGS=/etc/postgresql-common/createcluster.d

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# Adds a Debian package to the list of missing ones unless its command exists.
MISSING=()
need() {
    have "$1" || MISSING+=("$2")
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

packages_to_build() {
    need cc gcc
    need make make
    need curl curl
}

packages_to_demo() {
    need redis-server redis-server
    need python3 python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || MISSING+=(python3-venv)
}

packages_to_test() {
    need node nodejs
    need npm npm
    need chromium chromium
    need ps procps
    need openssl openssl
    # Its programs are not on the PATH; the tests start one of their own.
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || MISSING+=(postgresql)
}

# Debian starts a system-wide Redis on port 6379 with the package, and a PostgreSQL on
# 5432. Nobody asked for those: keep them from starting, now and at the next boot. One
# that was here before has the command, so it never gets here.
install_packages() {
    local command=(apt-get install --yes --no-install-recommends "${MISSING[@]}")
    if ! have apt-get || { [ "$(id -u)" -ne 0 ] && ! have sudo; }; then
        say "Missing: ${MISSING[*]}. Please install them, on Debian or Ubuntu with:"
        say "    apt-get update && ${command[*]}"
        exit 1
    fi
    say "Installing ${MISSING[*]}"
    local policy_is_ours=no
    if [[ " ${MISSING[*]} " == *" postgresql "* && ! -d $CLUSTER_SETTINGS ]]; then
        as_root mkdir -p "$CLUSTER_SETTINGS"
        printf 'create_main_cluster = false\n' | as_root tee "$CLUSTER_SETTINGS/celeriac.conf" >/dev/null
    fi
    if [[ " ${MISSING[*]} " =~ \ (redis-server|postgresql)\  && ! -e $POLICY ]]; then
        policy_is_ours=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$POLICY" >/dev/null
        as_root chmod 755 "$POLICY"
        trap 'as_root rm -f "$POLICY"' EXIT
    fi
    if ! as_root apt-get update -qq || ! as_root env DEBIAN_FRONTEND=noninteractive "${command[@]}"; then
        say "That did not work. Please run as root:  apt-get update && ${command[*]}"
        exit 1
    fi
    if [ "$policy_is_ours" = yes ]; then
        as_root rm -f "$POLICY"
        trap - EXIT
        if have systemctl; then
            local service
            for service in redis-server postgresql; do
                if [[ " ${MISSING[*]} " == *" $service "* ]]; then
                    as_root systemctl disable --now "$service" >/dev/null 2>&1 || true
                fi
            done
        fi
    fi
}

# wasm-opt makes the browser bundle smaller; the build goes without it.
install_wasm_opt() {
    have wasm-opt && return
    if have apt-get && [ "$(id -u)" -eq 0 ] && apt-get install --yes --no-install-recommends binaryen; then
        return
    fi
    say "Note: wasm-opt (package binaryen) is missing; the browser bundle will be larger than it could be."
}

check_rust() {
    if ! have cargo; then
        say "Rust is missing. Install it with rustup, then open a new shell:"
        say "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"
        exit 1
    fi
    # In the project's directory, so that the toolchain of rust-toolchain.toml is meant.
    cd "$ROOT"
    if [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown" ]; then return; fi
    if ! have rustup; then
        say "This Rust has no target wasm32-unknown-unknown, and there is no rustup to add it with."
        exit 1
    fi
    rustup target add wasm32-unknown-unknown
}

# Whether the file's content is what the stamp was made for.
unchanged() {
    [ -f "$2" ] && [ "$(cat "$2")" = "$(sha256sum <"$1")" ]
}

stamp() { sha256sum <"$1" >"$2"; }

# python_environment DIRECTORY REQUIREMENTS
python_environment() {
    local venv=$1 requirements=$ROOT/end2end/stack/$2
    if unchanged "$requirements" "$venv/requirements.sha256" && "$venv/bin/python" -c '' 2>/dev/null; then return; fi
    say "Creating the Python environment in ${venv#"$ROOT/"}"
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$requirements"
    "$venv/bin/python" -m pip --disable-pip-version-check check
    stamp "$requirements" "$venv/requirements.sha256"
}

node_packages() {
    local lock=$ROOT/end2end/package-lock.json
    if [ ! -f "$lock" ] || unchanged "$lock" "$ROOT/end2end/node_modules/.lock.sha256"; then return; fi
    say "Installing the packages of the browser tests"
    # The browser is Debian's Chromium; Playwright must not fetch another one.
    (cd "$ROOT/end2end" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund)
    stamp "$lock" "$ROOT/end2end/node_modules/.lock.sha256"
}

main() {
    local purpose=${1:-test}
    case $purpose in
        build) packages_to_build ;;
        demo) packages_to_build; packages_to_demo ;;
        test) packages_to_build; packages_to_demo; packages_to_test ;;
        *) say "usage: install.sh build|demo|test"; exit 2 ;;
    esac
    if [ ${#MISSING[@]} -gt 0 ]; then install_packages; fi
    install_wasm_opt
    check_rust
    if [ "$purpose" != build ]; then python_environment "$VENV" requirements.txt; fi
    if [ "$purpose" = test ]; then
        python_environment "$OLD_VENV" requirements-celery-5.2.txt
        node_packages
    fi
}

main "$@"
