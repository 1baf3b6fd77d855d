"""The time of one policy task on the lab, as a ratio to ansible.builtin.ping on the same hosts in the same run.

    tests/lab/lab.py up && tests/lab/lab.py run -- .venv/bin/python tests/benchmark/task_time.py

Whole playbooks of one task each, wall clock, interleaved so that noise of the machine affects all of them equally; the
median is shown."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tests'), str(ROOT / 'tests' / 'lab')]
import conftest  # noqa: F401
import testbed

ROUNDS = 7
TASKS = {
    'ping': 'ansible.builtin.ping: {}',
    'policy, no change': 'portmatrix.firewall.policy: {}',
    'policy, change without reload': 'portmatrix.firewall.policy: {}',
    'the same, kept unconfirmed': 'portmatrix.firewall.policy: {confirm_timeout: 0}',
    'policy, first application': 'portmatrix.firewall.policy: {}',
}


def main() -> None:
    for hosts in ('mgmt1', 'all'):
        with tempfile.TemporaryDirectory() as folder:
            times: dict[str, list[float]] = {name: [] for name in TASKS}
            for number in range(ROUNDS):
                for name, task in TASKS.items():
                    times[name].append(_run(Path(folder), hosts, name, task, number))
        base = statistics.median(times['ping'])
        print(f'hosts: {hosts}')
        for name, seconds in times.items():
            print(f'  {name:<32} {statistics.median(seconds):5.2f} s   {statistics.median(seconds) / base:4.2f} x ping')
    testbed.play('portmatrix.firewall.release')


def _run(folder: Path, hosts: str, name: str, task: str, number: int) -> float:
    playbook = folder / 'task.yml'
    playbook.write_text(f'- hosts: {hosts}\n  gather_facts: false\n  become: true\n  tasks:\n    - {task}\n')
    arguments = []
    if name == 'policy, first application':
        assert testbed.play('portmatrix.firewall.release').code == 0
    elif name == 'policy, no change':
        assert testbed.play('portmatrix.firewall.harden').code == 0
    elif name != 'ping':
        source = f'192.0.2.{list(TASKS).index(name) * 20 + number}'
        arguments = [
            '-e',
            '{"avi_vantage_kubernetes_unauthenticated": true, '
            f'"portmatrix_management_sources": ["198.51.100.1", "{source}"]}}',
        ]
    start = time.monotonic()
    run = testbed.play(str(playbook), *arguments)
    duration = time.monotonic() - start
    assert run.code == 0, run.output
    expected = {'ping': {'ok'}, 'policy, no change': {'ok'}}.get(name, {'changed'})
    assert set(run.statuses().values()) == expected, run.output
    return duration


if __name__ == '__main__':
    main()
