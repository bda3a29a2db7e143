#!/usr/bin/env bash
# Makes .venv ready on a bare machine. `./setup.sh run`: the product. `./setup.sh test`: also the
# tools of the tests and a Chromium. The Makefile calls it; a stamp in .venv says that it is done.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
            2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    if .venv/bin/python -m pip --version >/dev/null 2>&1; then return; fi
    local python
    if ! python=$(find_python) && can_apt; then
        say "installing python3 with apt-get"
        apt-get update -qq && apt-get install -y -qq python3 python3-venv
    fi
    python=$(find_python) || fail "Python 3.11, 3.12 or 3.13 is needed, and none is on the PATH"
    say "making .venv with $("$python" --version)"
    if ! "$python" -m venv --clear .venv; then
        can_apt || fail "$python cannot make a virtual environment; install its venv package" \
            "(on Debian and Ubuntu: apt install python3-venv)"
        apt-get update -qq && apt-get install -y -qq python3-venv
        "$python" -m venv --clear .venv || fail "$python cannot make a virtual environment"
    fi
}

install() {
    say "installing $1 with the versions of constraints.txt"
    .venv/bin/python -m pip install -qq --disable-pip-version-check \
        --constraint constraints.txt --editable "$1" ||
        fail "pip could not install the dependencies; is the network or the package index reachable?"
}

find_chromium() {
    local candidate
    for candidate in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        # Asked for its version, since Ubuntu's chromium-browser may be a stub without a browser.
        if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Writes the browser's path to .venv/chromium; an empty file stands for Playwright's own.
provide_chromium() {
    local found
    if ! found=$(find_chromium) && can_apt; then
        say "installing chromium with apt-get"
        { apt-get update -qq && apt-get install -y -qq chromium; } || true
    fi
    if found=$(find_chromium); then
        printf '%s\n' "$found" >.venv/chromium
        return
    fi
    say "installing Playwright's chromium"
    .venv/bin/python -m playwright install chromium ||
        fail "no Chromium for the browser tests: install one and name it, CHROMIUM=/path make test"
    : >.venv/chromium
}

make_venv
case "${1:-}" in
    run) install . ;;
    test) install '.[dev]' && provide_chromium ;;
    *) fail "usage: ./setup.sh run|test" ;;
esac
