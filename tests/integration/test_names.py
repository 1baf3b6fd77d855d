"""Hosts without an address in the inventory: all IPv4 and IPv6 addresses of their names become peers, as the controller
resolves them."""

from __future__ import annotations

import json
import subprocess

import pytest
import testbed
import yaml

NAMES = """127.0.0.1 localhost
192.0.2.5 db.lab.example
192.0.2.6 db.lab.example
2001:db8::5 db.lab.example
127.0.0.1 loop.lab.example
"""


@pytest.fixture
def resolver(tmp_path):
    """Another /etc/hosts in the mount namespace of the lab."""
    (tmp_path / 'hosts').write_text(NAMES)
    subprocess.run(['mount', '--bind', str(tmp_path / 'hosts'), '/etc/hosts'], check=True)
    yield
    subprocess.run(['umount', '/etc/hosts'], check=True)


def inventory(folder, name: str):
    hosts = {
        name: {'portmatrix_components': ['enstratius.mysql']},
        'c': {'ansible_host': '192.0.2.9', 'portmatrix_components': ['enstratius.console']},
    }
    path = folder / 'inventory.yml'
    path.write_text(yaml.safe_dump({'all': {'hosts': hosts, 'vars': {'portmatrix_unresolved': 'skip'}}}))
    return path


def test_all_addresses_of_a_name_are_peers(resolver, tmp_path):
    plan = tmp_path / 'plan.json'
    run = testbed.play(
        'portmatrix.firewall.plan',
        '-e',
        f'portmatrix_plan_file={plan}',
        inventory_path=inventory(tmp_path, 'db.lab.example'),
    )
    assert run.code == 0, run.output
    rules = json.loads(plan.read_text())['hosts']['c']['rules']
    assert [rule['peers'] for rule in rules if rule['flow'] == 'enstratius/console-mysql'] == [
        ['192.0.2.5/32', '192.0.2.6/32', '2001:db8::5/128']
    ]


def test_a_name_of_a_loopback_address_is_refused(resolver, tmp_path):
    run = testbed.play('portmatrix.firewall.plan', inventory_path=inventory(tmp_path, 'loop.lab.example'))
    assert run.code != 0
    assert (
        "the name 'loop.lab.example' resolves to an address that cannot be a peer: '127.0.0.1' is a loopback address"
        in run.output
    )
