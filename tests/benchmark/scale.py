"""The time of planning for many hosts, as a ratio to a task that does nothing in the same run: CPU seconds of
ansible-playbook and its forks. The plan also for ten deployments.

.venv/bin/python tests/benchmark/scale.py [HOSTS ...]        (1000 by default; it connects to no host)
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests'))
import conftest  # noqa: F401

COMPONENTS = [
    'controller',
    'service_engine',
    'external_client',
    'ldap_server',
    'syslog_server',
    'dns_server',
    'ntp_server',
    'smtp_server',
    'esxi',
    'mesos_node',
]
PLAYBOOKS = {
    'a task that does nothing': '- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.assert: {that: '
    'true, quiet: true}\n',
    'policy, rendered on every host': '- hosts: all\n  gather_facts: false\n  tasks:\n    - '
    'portmatrix.firewall.policy: {state: rendered}\n',
    'plan': '- hosts: all\n  gather_facts: false\n  tasks:\n    - {run_once: true, portmatrix.firewall.plan: {table: '
    'false, path: plan.json}}\n',
}


DEPLOYMENTS = 10


def inventory(count: int, deployments: int) -> str:
    hosts = {
        f'h{number:05}': {'ansible_host': f'10.{number >> 16}.{number >> 8 & 255}.{number & 255}'}
        for number in range(1, count + 1)
    }
    groups = {
        f'avi_vantage_{name}': {'hosts': list(hosts)[offset :: len(COMPONENTS)]}
        for offset, name in enumerate(COMPONENTS)
    }
    if deployments > 1:
        for number, host in enumerate(hosts.values()):
            host['portmatrix_deployment'] = f'd{number // len(COMPONENTS) % deployments}'
    variables = {'portmatrix_unresolved': 'skip'}
    return json.dumps({**groups, 'all': {'children': list(groups), 'vars': variables}, '_meta': {'hostvars': hosts}})


def main() -> None:
    for count in map(int, sys.argv[1:] or ['1000']):
        base = 0.0
        for name, text in PLAYBOOKS.items():
            base = _measure(count, 1, name, text, base)
        _measure(count, DEPLOYMENTS, f'plan, {DEPLOYMENTS} deployments', PLAYBOOKS['plan'], base)


def _measure(count: int, deployments: int, name: str, text: str, base: float) -> float:
    """Print the time of the playbook TEXT as a ratio to BASE, which is this time if it is 0; return BASE."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / 'inventory.py'
        script.write_text(f'#!{sys.executable}\nprint({inventory(count, deployments)!r})\n')
        script.chmod(0o755)
        (Path(folder) / 'play.yml').write_text(text)
        used = _cpu_seconds(folder)
    print(f'{count:>6} hosts  {name:<32} {used:7.1f} CPU s   {used / (base or used):4.2f} x', flush=True)
    return base or used


def _cpu_seconds(folder: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', 'inventory.py', '-f', '10', 'play.yml'],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, 'ANSIBLE_STDOUT_CALLBACK': 'oneline'},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == '__main__':
    main()
