#!/usr/bin/env bash
# Whole runs of ansible-playbook on imitated Windows hosts with other versions of ansible-core (2.20 and later need Python
# 3.12): PYTHON=python3.12 bash tests/cores.sh 2.20 2.21
set -euo pipefail
cd "$(dirname "$0")/.."
for version in "$@"; do
    folder=build/core-$version
    [ -x "$folder/bin/python" ] || "${PYTHON:-python3}" -m venv "$folder"
    grep -E '^(jmespath|netaddr|pytest|hypothesis|tree-sitter)' tests/requirements.txt >"$folder/requirements.txt"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "ansible-core==$version.*" -r "$folder/requirements.txt"
    "$folder/bin/ansible" --version | head -n 1
    "$folder/bin/python" -m pytest -q -n 2 -p no:cacheprovider tests/windows/test_playbook*.py
done
