"""ufw on one host of the lab: N rules with the module of this collection and with community.general.ufw in a loop; and
what a change does to connections, compared with `ufw reload`.

tests/lab/lab.py up && tests/lab/lab.py run -- .venv/bin/python tests/benchmark/ufw_peers.py [N ...]        (10 50 200
by default)

community.general is installed into build/peers for this benchmark only. Whole playbooks of one task, wall clock, as
ratios to ansible.builtin.ping."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tests'), str(ROOT / 'tests' / 'lab')]
import conftest  # noqa: F401
import testbed
import traffic

HOST = 'data1'
PEERS = ROOT / 'build' / 'peers'
RELEASE = 'https://github.com/ansible-collections/community.general.git,9.5.0'
LOOP = """
- hosts: %(host)s
  gather_facts: false
  become: true
  tasks:
    - community.general.ufw: {rule: allow, proto: tcp, from_ip: "{{ item }}", to_port: '443', comment: bench}
      loop: "{{ peers }}"
      loop_control: {label: x}
"""
PING = '- hosts: %(host)s\n  gather_facts: false\n  become: true\n  tasks:\n    - ansible.builtin.ping: {}\n'
SWITCH_TO_UFW = 'systemctl disable -q --now firewalld; ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null'
SWITCH_TO_FIREWALLD = "ufw --force disable >/dev/null; ufw --force reset >/dev/null; rm -f /etc/ufw/*.rules.2*; systemctl enable -q --now firewalld"


def peers(count: int) -> list[str]:
    return [f'203.0.{number // 120}.{number % 120 * 2 + 1}' for number in range(count)]


def timed(playbook: str, *arguments: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = playbook
        if '\n' in playbook:
            path = str(Path(folder) / 'play.yml')
            Path(path).write_text(playbook % {'host': HOST})
        begin = time.monotonic()
        # community.general is in a folder of its own
        roots = f'{PEERS}{os.pathsep}{os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")}'
        run = testbed.play(path, '-l', HOST, *arguments, environment={'ANSIBLE_COLLECTIONS_PATH': roots})
        duration = time.monotonic() - begin
    assert run.code == 0, run.output[-2000:]
    return duration


def times(counts: list[int]) -> None:
    ping = statistics.median(timed(PING) for _round in range(5))
    print(f'ansible.builtin.ping: {ping:.2f} s')
    print(
        f'{"rules":>6}{"portmatrix":>14}{"no change":>12}{"loop: first":>14}{"no change":>12}   (s)   loop / '
        'portmatrix, as ratios of the whole task'
    )
    for count in counts:
        variables = (
            '-e',
            json.dumps(
                {'portmatrix_peers': {'avi_vantage.controller': peers(count), 'enstratius.internet': ['192.0.2.1']}}
            ),
        )
        portmatrix = [timed('portmatrix.firewall.harden', *variables) for _round in range(2)]
        timed('portmatrix.firewall.release')
        loop = [timed(LOOP, '-e', json.dumps({'peers': peers(count)})) for _round in range(2)]
        testbed.shell(HOST, f'{SWITCH_TO_FIREWALLD}; {SWITCH_TO_UFW}')
        ratios = '  '.join(f'{slow / fast:5.1f} x' for fast, slow in zip(portmatrix, loop))
        print(
            f'{count:>6}{portmatrix[0]:14.2f}{portmatrix[1]:12.2f}{loop[0]:14.2f}{loop[1]:12.2f}         {ratios}',
            flush=True,
        )


def disruption() -> None:
    timed('portmatrix.firewall.harden')
    changed = ('-e', json.dumps({'portmatrix_egress': 'deny', 'portmatrix_exclusive': False}))
    changes = {
        'portmatrix: rules and both default policies, changed and undone': lambda: (
            timed('portmatrix.firewall.harden', *changed),
            timed('portmatrix.firewall.harden'),
        ),
        'ufw reload, twice': lambda: testbed.shell(HOST, 'ufw reload; sleep 1; ufw reload'),
    }
    for name, change in changes.items():
        allowed, denied = traffic.during(change, {HOST: traffic.UFW_PORTS[HOST]}, source='mgmt1')[HOST]
        print(
            f'{name:<64} allowed lost {allowed.tried - allowed.answered} of {allowed.tried}, denied accepted '
            f'{denied.answered} of {denied.tried}',
            flush=True,
        )


def main() -> None:
    if not (PEERS / 'ansible_collections' / 'community' / 'general').exists():
        galaxy = str(Path(sys.executable).parent / 'ansible-galaxy')
        subprocess.run(
            [galaxy, 'collection', 'install', f'git+{RELEASE}', '-p', str(PEERS)], check=True, stdout=subprocess.DEVNULL
        )
    testbed.shell(HOST, SWITCH_TO_UFW)
    try:
        times([int(argument) for argument in sys.argv[1:]] or [10, 50, 200])
        disruption()
    finally:
        testbed.play('portmatrix.firewall.release', '-l', HOST)
        testbed.shell(HOST, SWITCH_TO_FIREWALLD)


if __name__ == '__main__':
    main()
