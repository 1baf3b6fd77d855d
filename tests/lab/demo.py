"""The demo on the lab: what connects on stock hosts, the plan, what connects once they are hardened, and after the
release."""

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
import world

# source, destination, protocol, port, what it is
SHOWN = [
    ('data1', 'mgmt1', 'tcp', 8443, 'service engine to Avi controller'),
    ('edge1', 'mgmt2', 'tcp', 3302, 'monitor to dispatcher'),
    ('data1', 'mgmt1', 'tcp', 8888, 'target worker to migration appliance'),
    ('mgmt2', 'edge2', 'udp', 514, 'Avi controller to syslog server'),
    ('edge2', 'data1', 'tcp', 3306, 'a guest to MySQL: in no document'),
    ('data1', 'edge2', 'tcp', 22, 'SSH between hosts: in no document'),
    ('edge2', 'mgmt1', 'tcp', 9999, 'a port of no document'),
]


def main() -> int:
    if '--without-hosts' in sys.argv:
        return without_hosts()
    expectation = documented.Expectation()
    before = shown(expectation)
    say('Plan: which ports open to whom, and which row of the vendor says so')
    ansible('portmatrix.firewall.plan')
    say('Harden: check first, then for real')
    ansible('portmatrix.firewall.harden', '--check')
    ansible('portmatrix.firewall.harden')
    after = shown(expectation)
    say('Real connections over IPv4 and IPv6, before and after')
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
    say('Release: every host as it was')
    ansible('portmatrix.firewall.release')
    return 1 if differences else 0


def shown(expectation: documented.Expectation) -> list[str]:
    """passes or blocked, for each connection of SHOWN; both families must agree."""
    servers = {host: world.serve(host, expectation.services()) for host in world.HOSTS}
    try:
        found = []
        for source, destination, protocol, port, _what in SHOWN:
            addresses = (world.HOSTS[destination]['ansible_host'], world.HOSTS[destination]['lab_ipv6'])
            answers = world.probe(source, 'connect', {'targets': [[protocol, address, port] for address in addresses]})
            found.append({(True, True): 'passes', (False, False): 'blocked'}.get(tuple(answers), 'differs'))
        return found
    finally:
        for host, server in servers.items():
            world.stop_serving(host, server)


def without_hosts() -> int:
    """No root, no Debian or no namespaces: plan and render the embedded inventory, and say so."""
    say(
        'No hosts can be started here (that takes root on Debian, and namespaces): the embedded inventory is planned '
        'and rendered only'
    )
    ansible('portmatrix.firewall.plan')
    with tempfile.NamedTemporaryFile('w', suffix='.yml') as file:
        file.write(
            '- hosts: mgmt1\n  gather_facts: false\n  tasks:\n    - portmatrix.firewall.policy: {state: rendered}\n   '
            '   register: out\n'
            '    - ansible.builtin.debug: {msg: "{{ out.rendered | map(attribute=\'path\') | list }}"}\n'
        )
        file.flush()
        ansible(file.name)
    return 0


def ansible(playbook: str, *arguments: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [str(Path(sys.executable).parent / 'ansible-playbook'), '-i', str(world.INVENTORY), playbook, *arguments],
            check=True,
            cwd=folder,
            env={**os.environ, 'ANSIBLE_NOCOLOR': '1'},
        )


def say(text: str) -> None:
    print(f'\n== {text} ==\n', flush=True)


if __name__ == '__main__':
    sys.exit(main())
