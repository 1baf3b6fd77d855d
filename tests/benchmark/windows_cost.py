"""What a task on a Windows host costs: bytes that Ansible sends and seconds on the host, as ratios to a module that holds
Ansible.Basic only, on the same imitated host in the same run.

    .venv/bin/python tests/benchmark/windows_cost.py [ROUNDS]

PowerShell 7 runs what would run on the host (pwsh on PATH, or in build/pwsh/bin). The seconds are those of its process;
the median is shown. Of a confirmed change they include waiting for the rehearsal of the task."""

from __future__ import annotations

import statistics
import sys
import tempfile
import typing as t
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tests'), str(ROOT / 'tests' / 'windows')]
import conftest  # noqa: F401
from imitation import scheduler
from imitation.cases import CASES
from imitation.network import Network, copy_collection

BARE = """#!powershell
#AnsibleRequires -CSharpUtil Ansible.Basic
$module = [Ansible.Basic.AnsibleModule]::Create($args, @{})
$module.ExitJson()
"""
PLAYBOOK = '- hosts: all\n  gather_facts: false\n  tasks:\n    - {}\n'
TASKS = {
    'Ansible.Basic alone': 'portmatrix.firewall.bare:',
    'gathered': 'portmatrix.firewall.policy: {state: gathered}',
    'no change': 'portmatrix.firewall.policy: {}',
    'confirmed change': 'portmatrix.firewall.policy: {}',
    'release, kept at once': 'portmatrix.firewall.policy: {state: absent, confirm_timeout: 0}',
}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    costs: dict[str, list[tuple[int, float]]] = {name: [] for name in TASKS}
    with tempfile.TemporaryDirectory() as folder:
        network = _network(Path(folder))
        with scheduler.Scheduler(network.root):
            for _number in range(rounds):
                for name in (
                    'Ansible.Basic alone',
                    'confirmed change',
                    'no change',
                    'gathered',
                    'release, kept at once',
                ):
                    costs[name].append(_cost(network, name))
    base_bytes, base_seconds = map(statistics.median, zip(*costs['Ansible.Basic alone']))
    for name, cost in costs.items():
        sent, seconds = map(statistics.median, zip(*cost))
        ratios = f'{sent / base_bytes:5.2f} x   {seconds:6.2f} s  {seconds / base_seconds:5.2f} x'
        print(f'{name:<24} {sent:>9,.0f} bytes {ratios}')


def _network(folder: Path) -> Network:
    collections = copy_collection(folder / 'collections')
    modules = collections / 'ansible_collections' / 'portmatrix' / 'firewall' / 'plugins' / 'modules'
    (modules / 'bare.ps1').write_text(BARE)
    network = Network(folder, collections)
    network.inventory['vars'] = CASES['variables']
    network.add('host', {'ansible_host': '192.0.2.1', 'ansible_connection': 'winrm', 'ansible_port': 5985})
    return network


def _cost(network: Network, name: str) -> tuple[int, float]:
    """(bytes, seconds) of all commands of the task NAME."""
    path = network.folder / 'task.yml'
    path.write_text(PLAYBOOK.format(TASKS[name]))
    run = network.run(str(path))
    assert run.code == 0, run.output
    commands: list[dict[str, t.Any]] = [event for event in run.events if event['event'] == 'exec']
    return sum(event['sent'] for event in commands), sum(event['seconds'] for event in commands)


if __name__ == '__main__':
    main()
