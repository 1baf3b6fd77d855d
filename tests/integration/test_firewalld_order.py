"""What is read from the kernel about zones and policies of others is what happens to packets: random zones and policies
of firewalld beside a policy of portmatrix, on Debian 12 and 13.

PORTMATRIX_ORDERS is the number of random configurations (30), PORTMATRIX_PARITY_SEED selects them.
"""

from __future__ import annotations

import ipaddress
import json
import os
import random

import packet_judge
import pytest
import testbed
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import (
    config_files,
    documents,
    kernel,
    others,
    pool,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._host import management
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.connection import Connection

ORDERS = int(os.environ.get('PORTMATRIX_ORDERS', '30'))
SEED = int(os.environ.get('PORTMATRIX_PARITY_SEED', '1'))
HOSTS = ['mgmt1', 'mgmt2']
PORTS = ['21', '22', '80', '79-81', '443', '8000-8010']
FOLDER = '/etc/firewalld'


def network(rng: random.Random, number: int) -> str:
    """Addresses of one configuration: no two have a common one, since the kernel tracks connections."""
    if rng.random() < 0.3:
        return f'2001:db8:{number:x}::{rng.randrange(0, 4):x}0/{rng.choice([124, 126, 128])}'
    return str(ipaddress.ip_network((f'10.9.{number}.{rng.randrange(0, 64)}', rng.choice([28, 30, 32])), strict=False))


def rich_rule(rng: random.Random, number: int) -> str:
    source = network(rng, number)
    family = 'ipv6' if ':' in source else 'ipv4'
    inside = f'<source {rng.choice(["", "", "invert=" + chr(34) + "True" + chr(34)])} address="{source}"/>'
    if family == 'ipv4' and rng.random() < 0.3:
        inside = '<source ipset="friends"/>'
    elif rng.random() < 0.2:
        inside = ''
    what = rng.choice(
        [f'<port port="{rng.choice(PORTS)}" protocol="tcp"/>', '<service name="ssh"/>', '<protocol value="tcp"/>', '']
    )
    if not inside and not what:
        what = '<service name="http"/>'
    priority = f' priority="{rng.choice([-5, 5])}"' if rng.random() < 0.2 else ''
    return f'<rule family="{family}"{priority}>{inside}{what}<{rng.choice(["accept", "reject", "drop"])}/></rule>'


def content(rng: random.Random, number: int) -> str:
    """The rules of a zone or a policy."""
    return ''.join(
        [
            *(f'<service name="{name}"/>' for name in rng.sample(['ssh', 'ftp', 'http'], rng.randrange(0, 3))),
            *(f'<port port="{port}" protocol="tcp"/>' for port in rng.sample(PORTS, rng.randrange(0, 2))),
            *(['<source-port port="53" protocol="tcp"/>'] if rng.random() < 0.1 else []),
            *(rich_rule(rng, number) for _ in range(rng.randrange(0, 4))),
        ]
    )


def random_files(rng: random.Random, number: int) -> dict[str, str]:
    """Two zones, one of them for sources, a policy, and a set."""

    def target(*names: str) -> str:
        name = rng.choice(names)
        return f' target="{name}"' if name else ''

    zones = ('', '', 'ACCEPT', 'DROP', '%%REJECT%%')
    sources = ''.join(f'<source address="{name}"/>' for name in {network(rng, number), network(rng, number)})
    theirs = target('CONTINUE', 'CONTINUE', 'CONTINUE', 'ACCEPT', 'DROP')
    priority = rng.choice([-32500, -20000, -1, 10, 32000])
    return {
        f'{FOLDER}/zones/public.xml': f'<zone{target(*zones)}>{content(rng, number)}</zone>',
        f'{FOLDER}/zones/office.xml': f'<zone{target(*zones)}>{sources}{content(rng, number)}</zone>',
        f'{FOLDER}/policies/theirs.xml': f'<policy{theirs} priority="{priority}"><ingress-zone name="ANY"/>'
        f'<egress-zone name="HOST"/>{content(rng, number)}</policy>',
        f'{FOLDER}/ipsets/friends.xml': f'<ipset type="hash:net"><entry>10.9.{number}.{rng.randrange(64)}</entry></ipset>',
    }


def random_policy(rng: random.Random, number: int) -> policies.Policy:
    groups = {f'g{index}': [network(rng, number)] for index in range(2)}
    document = {
        'format': 1,
        'egress': 'allow',
        'exclusive': rng.random() < 0.3,
        'management': {'sources': [network(rng, number)], 'ports': []},
        'groups': groups,
        'rules': [
            {
                'direction': 'ingress',
                'protocol': 'tcp',
                'ports': [rng.choice(PORTS)],
                'group': rng.choice([*groups, None]),
                'flows': ['p/f'],
            }
            for _ in range(rng.randrange(0, 3))
        ],
        'citations': {},
    }
    return policies.parse(json.dumps(document))


def random_packets(rng: random.Random, number: int) -> list[dict]:
    packets = []
    for _ in range(150):
        peer = f'10.9.{number}.{rng.randrange(0, 80)}'
        if rng.random() < 0.3:
            peer = f'2001:db8:{number:x}::{rng.randrange(0, 0x40):x}'
        port = rng.choice([20, 21, 22, 78, 79, 80, 81, 443, 8000, 8011])
        packets.append(
            {
                'direction': 'ingress',
                'protocol': 'tcp',
                'peer': peer,
                'dport': port,
                'sport': rng.choice([53, 40000 + len(packets)]),
            }
        )
    distinct = {(packet['peer'], packet['dport'], packet['sport']): packet for packet in packets}
    return list(distinct.values())


@pytest.fixture
def judged_hosts(released, monkeypatch):
    monkeypatch.setattr(management, 'interface', lambda address: 'cable')
    with packet_judge.ready(HOSTS):
        yield


def differences(host: str, number: int) -> tuple[list[str], int, int]:
    """(what the reader says wrongly about configuration NUMBER, packets, those that passed)."""
    rng = random.Random(f'{SEED} {number}')
    policy = random_policy(rng, number)
    wanted = pool.fresh(documents.build(policy, policies.guard(policy, [22])))
    files = {**random_files(rng, number), **config_files.render(wanted)}
    packet_judge.run(host, 'load', 'firewalld', data=files)
    table = json.loads(testbed.shell(host, 'ip netns exec tested nft -j list table inet firewalld'))
    in_kernel = kernel.parse(table['nftables'])
    orders = in_kernel.orders()
    packets = random_packets(rng, number)
    found = [f'fault: {fault}' for fault in in_kernel.faults]
    seen = json.loads(packet_judge.run(host, 'send', data=packets))
    connections = [
        Connection('ingress', packet['peer'], packet['dport'], '198.18.0.1', packet['sport']) for packet in packets
    ]
    text = files[f'{FOLDER}/policies/theirs.xml']
    priorities = {'theirs': int(text.partition('priority="')[2].partition('"')[0])}
    effect = others.effect(orders, wanted, priorities)
    still_open = effect.open(wanted)
    allowed = set(others.allowed(wanted, orders, priorities, connections))
    by_policy = set(others.allowed(wanted, {}, {}, connections))
    for connection, passes in zip(connections, seen):
        if (connection in allowed) != passes:
            found.append(f'{connection} {"passes" if passes else "is denied"}')
        is_named = any(opening.includes('ingress', 'tcp', connection.port) for opening in still_open)
        if passes and connection not in by_policy and not is_named:
            found.append(f'{connection} passes, which is not named')
        if not passes and connection in by_policy and not (effect.denials or effect.first_denials):
            found.append(f'{connection} is denied, which is not named')
    return [f'{host}, {number}: {text}; {json.dumps(files)}' for text in found], len(packets), sum(seen)


def test_what_is_read_from_the_kernel_is_what_happens_to_packets(judged_hosts):
    def run(host):
        return [differences(host, number) for number in range(HOSTS.index(host), ORDERS, len(HOSTS))]

    for host, results in testbed.map_hosts(run, HOSTS).items():
        sent, passed = sum(result[1] for result in results), sum(result[2] for result in results)
        print(f'{host}: {len(results)} configurations, {sent} packets, {passed} passed')
        assert 0.1 < passed / sent < 0.9
        wrong = [text for result in results for text in result[0]]
        assert not wrong, f'{len(wrong)}:\n' + '\n'.join(wrong[:10])
