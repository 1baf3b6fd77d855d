"""The isolation rules of Docker: which of them are restored after Docker has omitted them, and what is reported."""

from __future__ import annotations

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import docker
from ansible_collections.portmatrix.firewall.plugins.module_utils._host import containers

STAGE_1, STAGE_2 = 'DOCKER-ISOLATION-STAGE-1', 'DOCKER-ISOLATION-STAGE-2'
ENDS = [f'-A {STAGE_1} -j RETURN', f'-A {STAGE_2} -j RETURN']


def isolation(*bridges):
    """The rules of Docker for networks: the newest first, and the end of each chain last."""
    first = [f'-A {STAGE_1} -i {name} ! -o {name} -j {STAGE_2}' for name in bridges]
    return [*first, ENDS[0], *(f'-A {STAGE_2} -o {name} -j DROP' for name in bridges), ENDS[1]]


@pytest.mark.parametrize(
    ('former', 'current', 'interfaces', 'expected'),
    [
        (isolation('docker0'), isolation('docker0'), ['docker0'], isolation('docker0')),
        (isolation('br-1', 'docker0'), ENDS, ['br-1', 'docker0'], isolation('br-1', 'docker0')),
        (isolation('br-1', 'docker0'), ENDS, ['docker0'], isolation('docker0')),
        (isolation('docker0'), [], ['docker0'], isolation('docker0')),
        (
            isolation('docker0'),
            isolation('br-2'),
            ['br-2', 'docker0'],
            [rule for rule in isolation('br-2') if rule not in ENDS] + isolation('docker0'),
        ),
        ([], isolation('br-2'), ['br-2'], isolation('br-2')),
    ],
    ids=['none missing', 'all missing', 'a network was removed', 'empty chains', 'a new network', 'none before'],
)
def test_missing_rules_are_restored_and_the_others_kept(former, current, interfaces, expected):
    assert docker.merge_rules(former, current, interfaces) == expected


def saved_table(*bridges, rules):
    forwards = [f'-A FORWARD -o {name} -j DOCKER' for name in bridges]
    return '\n'.join(['*filter', f':{STAGE_1} - [0:0]', f':{STAGE_2} - [0:0]', *forwards, *rules, 'COMMIT', ''])


@pytest.mark.parametrize(
    ('ipv4', 'ipv6', 'reported'),
    [
        (saved_table('docker0', rules=isolation('docker0')), '', ''),
        (saved_table('docker0', rules=ENDS), '', 'docker0'),
        (saved_table('docker0', 'br-0123456789ab', rules=isolation('br-0123456789ab')), '', 'docker0'),
        (saved_table('docker0', rules=isolation('docker0')), saved_table(rules=ENDS), ''),
        (saved_table('docker0', rules=isolation('docker0')), saved_table('docker0', rules=ENDS), 'docker0'),
        (saved_table('docker0', rules=[f'-A {STAGE_1} ! -s 172.18.0.0/16 -o docker0 -j DROP', *ENDS]), '', ''),
        ('*filter\n-A FORWARD -o docker0 -j DOCKER\nCOMMIT\n', '', ''),
    ],
    ids=[
        'isolated',
        'not isolated',
        'a new network only',
        'no IPv6 networks',
        'IPv6 not isolated',
        'an internal network',
        'a Docker with other chains',
    ],
)
def test_a_network_that_is_not_isolated_is_reported(monkeypatch, ipv4, ipv6, reported):
    saved_rules = {'iptables': ipv4, 'ip6tables': ipv6}
    monkeypatch.setattr(containers.saved_rules, 'read', lambda check: saved_rules)
    monkeypatch.setattr(containers.os, 'listdir', lambda _folder: ['br-0123456789ab', 'docker0', 'eth0'])
    expected = [f'the Docker network {reported}'] if reported else []
    assert [text.split(' is not isolated')[0] for text in containers.warnings()] == expected


def test_a_name_of_a_bridge_is_no_expression(monkeypatch):
    """Any user may name an interface."""
    text = saved_table('cni(', rules=ENDS)
    monkeypatch.setattr(containers.saved_rules, 'read', lambda check: {'iptables': text})
    monkeypatch.setattr(containers.os, 'listdir', lambda _folder: ['cni(', 'cni[a-z', 'eth0'])
    assert [warning.split(' is not isolated')[0] for warning in containers.warnings()] == ['the Docker network cni(']
