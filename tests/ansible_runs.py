"""Runs of ansible-playbook on small inventories that a test defines as data. They connect to no host."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import yaml


def play(folder: Path, playbook: str, inventory: dict[str, t.Any], *arguments: str) -> tuple[int, str]:
    """(return code, output with folded whitespace) of PLAYBOOK on INVENTORY (hosts, vars, children)."""
    path = folder / 'inventory.yml'
    path.write_text(yaml.safe_dump({'all': inventory}))
    return run(folder, '-i', str(path), playbook, *arguments)


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """(return code, output) of ansible-playbook with ARGUMENTS in FOLDER."""
    finished = subprocess.run(
        [str(Path(sys.executable).parent / 'ansible-playbook'), *arguments],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=600,
        env={
            **os.environ,
            'PWD': str(folder),
            'ANSIBLE_NOCOLOR': '1',
            'ANSIBLE_PYTHON_INTERPRETER': sys.executable,
            'ANSIBLE_SSH_ARGS': '-o ConnectTimeout=1',
        },
    )
    return finished.returncode, finished.stdout


def plan(folder: Path, inventory: dict[str, t.Any], *arguments: str) -> tuple[dict[str, t.Any], str]:
    """(the plan file, output) of the playbook plan, which must succeed."""
    code, output = play(folder, 'portmatrix.firewall.plan', inventory, *arguments)
    assert code == 0, output
    return json.loads((folder / 'portmatrix-plan.json').read_text()), output


def message(output: str) -> str:
    """The message of the failed task, as data where Ansible shows it as JSON."""
    match = re.search(r'(?s)fatal: \[[^]]*\]: FAILED! => (\{.*?\})\n', output)
    return json.loads(match.group(1))['msg'] if match else output
