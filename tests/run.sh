#!/usr/bin/env bash
# Set up and run the tests: all of them as root; "tests/run.sh unit" those that need no host; "tests/run.sh machines" those that take virtual machines,
# which are slow and not among all.
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-all}
if [ "$part" != unit ] && [ "$(id -u)" != 0 ]; then
    echo "run: these tests start real hosts and need root; without it run: bash tests/run.sh unit" >&2
    exit 1
fi
bash tests/setup.sh "$part"
.venv/bin/ruff check .
.venv/bin/yamllint --strict .
if [ "$part" != unit ]; then
    # the hosts are built while the unit tests run
    trap 'wait "$lab" || true; .venv/bin/python tests/lab/lab.py down' EXIT
    .venv/bin/python tests/lab/lab.py up "$part" &
    lab=$!
fi
[ "$part" = machines ] || .venv/bin/python -m pytest -q -n 2 tests/unit
if [ "$part" != unit ]; then
    wait "$lab"
    .venv/bin/python tests/lab/lab.py run -- .venv/bin/python -m pytest -q "tests/$([ "$part" = all ] && echo integration || echo machines)"
fi
