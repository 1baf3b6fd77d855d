#!/usr/bin/env bash
# The main use on an embedded inventory: plan, harden real hosts, show which connections pass before and after. If no
# hosts can be started (no root, no Debian, no namespaces): plan and render.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && unshare --mount --net true 2>/dev/null; then
    bash tests/setup.sh all
    [ -n "${KEEP:-}" ] || trap '.venv/bin/python tests/lab/lab.py down' EXIT
    .venv/bin/python tests/lab/lab.py up
    .venv/bin/python tests/lab/lab.py run -- .venv/bin/python tests/lab/demo.py
else
    bash tests/setup.sh plan
    .venv/bin/python tests/lab/demo.py --without-hosts
fi
