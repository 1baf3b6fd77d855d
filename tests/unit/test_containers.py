"""What Docker leaves out of its own rules, and what is put in again."""

from __future__ import annotations

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import docker
from ansible_collections.portmatrix.firewall.plugins.module_utils._host import containers

ONE, OTHER = 'DOCKER-ISOLATION-STAGE-1', 'DOCKER-ISOLATION-STAGE-2'
ENDS = [f'-A {ONE} -j RETURN', f'-A {OTHER} -j RETURN']


def apart(*bridges):
    """What Docker has for networks: the newest first, and the end of each chain last."""
    first = [f'-A {ONE} -i {name} ! -o {name} -j {OTHER}' for name in bridges]
    return [*first, ENDS[0], *(f'-A {OTHER} -o {name} -j DROP' for name in bridges), ENDS[1]]


@pytest.mark.parametrize(
    ('former', 'now', 'there', 'wanted'),
    [
        (apart('docker0'), apart('docker0'), ['docker0'], apart('docker0')),
        (apart('br-1', 'docker0'), ENDS, ['br-1', 'docker0'], apart('br-1', 'docker0')),
        (apart('br-1', 'docker0'), ENDS, ['docker0'], apart('docker0')),
        (apart('docker0'), [], ['docker0'], apart('docker0')),
        (
            apart('docker0'),
            apart('br-2'),
            ['br-2', 'docker0'],
            [rule for rule in apart('br-2') if rule not in ENDS] + apart('docker0'),
        ),
        ([], apart('br-2'), ['br-2'], apart('br-2')),
    ],
    ids=['nothing lost', 'all lost', 'a network is gone', 'empty chains', 'another network is new', 'nothing before'],
)
def test_what_is_lost_comes_back_and_the_rest_stays(former, now, there, wanted):
    assert docker.merge_rules(former, now, there) == wanted


def saved(*bridges, rules):
    forwards = [f'-A FORWARD -o {name} -j DOCKER' for name in bridges]
    return '\n'.join(['*filter', f':{ONE} - [0:0]', f':{OTHER} - [0:0]', *forwards, *rules, 'COMMIT', ''])


@pytest.mark.parametrize(
    ('ipv4', 'ipv6', 'named'),
    [
        (saved('docker0', rules=apart('docker0')), '', ''),
        (saved('docker0', rules=ENDS), '', 'docker0'),
        (saved('docker0', 'br-0123456789ab', rules=apart('br-0123456789ab')), '', 'docker0'),
        (saved('docker0', rules=apart('docker0')), saved(rules=ENDS), ''),
        (saved('docker0', rules=apart('docker0')), saved('docker0', rules=ENDS), 'docker0'),
        (saved('docker0', rules=[f'-A {ONE} ! -s 172.18.0.0/16 -o docker0 -j DROP', *ENDS]), '', ''),
        ('*filter\n-A FORWARD -o docker0 -j DOCKER\nCOMMIT\n', '', ''),
    ],
    ids=[
        'apart',
        'mixed',
        'a new network only',
        'no IPv6 networks',
        'IPv6 mixed',
        'an internal network',
        'a Docker with other chains',
    ],
)
def test_a_network_that_nothing_keeps_apart_is_named(monkeypatch, ipv4, ipv6, named):
    saved_rules = {'iptables': ipv4, 'ip6tables': ipv6}
    monkeypatch.setattr(containers.iptables, 'saved_rules', lambda check: saved_rules)
    monkeypatch.setattr(containers.os, 'listdir', lambda _folder: ['br-0123456789ab', 'docker0', 'eth0'])
    expected = [f'the Docker network {named}'] if named else []
    assert [text.split(' is not isolated')[0] for text in containers.warnings()] == expected
