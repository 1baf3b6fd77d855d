"""The demo on the lab: the plan, and which connections pass before and after the hosts are hardened."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests'))
import conftest  # noqa: F401  (makes the checkout importable as a collection)
import documented
import testbed

# source, destination, protocol, port, description
SHOWN = [
    ('data1', 'mgmt1', 'tcp', 8443, 'service engine to Avi controller'),
    ('edge1', 'mgmt2', 'tcp', 3302, 'monitor to dispatcher'),
    ('data1', 'mgmt1', 'tcp', 8888, 'target worker to migration appliance'),
    ('mgmt2', 'edge2', 'udp', 514, 'Avi controller to syslog server'),
    ('edge2', 'data1', 'tcp', 3306, 'a guest to MySQL: not documented'),
    ('data1', 'edge2', 'tcp', 22, 'SSH between hosts: not documented'),
    ('edge2', 'mgmt1', 'tcp', 9999, 'a port that is not documented'),
]


def main() -> int:
    if '--without-hosts' in sys.argv:
        return without_hosts()
    expectation = documented.Expectation()
    before = probe_shown(expectation)
    print_heading('Plan: which ports open to which peers, and the row of the document of the vendor')
    run_playbook('portmatrix.firewall.plan')
    print_heading('Harden: check first, then for real')
    run_playbook('portmatrix.firewall.harden', '--check')
    run_playbook('portmatrix.firewall.harden')
    after = probe_shown(expectation)
    print_heading('Real connections over IPv4 and IPv6, before and after')
    for key, stock, hardened in zip(SHOWN, before, after):
        print(f'  {key[0]:>6} -> {key[1]:<6} {key[2]}/{key[3]:<5} {stock:<8} {hardened:<8} {key[4]}')
    passing, blocked, differences = documented.truth_table(expectation, expectation.allowed)
    print(
        f'\n  every pair of hosts on every documented port: {passing} documented connections pass, {blocked} '
        'undocumented ones do not, '
        f'{len(differences)} differ from the documents'
    )
    for line in differences:
        print(f'    {line}')
    print_heading('Release: every host as it was before')
    run_playbook('portmatrix.firewall.release')
    return 1 if differences else 0


def probe_shown(expectation: documented.Expectation) -> list[str]:
    """passes or blocked, for each connection of SHOWN; both families must agree."""
    states = []
    with testbed.serving({host: expectation.services() for host in testbed.HOSTS}):
        for source, destination, protocol, port, _description in SHOWN:
            addresses = (testbed.HOSTS[destination]['ansible_host'], testbed.HOSTS[destination]['lab_ipv6'])
            answers = testbed.connections(source, [(protocol, address, port) for address in addresses], expected=False)
            states.append({(True, True): 'passes', (False, False): 'blocked'}.get(tuple(answers), 'differs'))
    return states


def without_hosts() -> int:
    """Plan and render the embedded inventory, where no hosts can be started."""
    print_heading(
        'No hosts can be started here (that takes root on Debian, and namespaces): the embedded inventory is planned '
        'and rendered only'
    )
    run_playbook('portmatrix.firewall.plan')
    with tempfile.NamedTemporaryFile('w', suffix='.yml') as file:
        file.write(
            '- hosts: mgmt1\n  gather_facts: false\n  tasks:\n    - portmatrix.firewall.policy: {state: rendered}\n   '
            '   register: out\n'
            '    - ansible.builtin.debug: {msg: "{{ out.rendered | map(attribute=\'path\') | list }}"}\n'
        )
        file.flush()
        run_playbook(file.name)
    return 0


def run_playbook(playbook: str, *arguments: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', str(testbed.INVENTORY), playbook, *arguments],
            check=True,
            cwd=folder,
            env={**os.environ, 'ANSIBLE_NOCOLOR': '1'},
        )


def print_heading(text: str) -> None:
    print(f'\n== {text} ==\n', flush=True)


if __name__ == '__main__':
    sys.exit(main())
