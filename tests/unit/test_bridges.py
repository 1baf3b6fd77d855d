"""Bridges of the host itself: their networks, and what portmatrix_local_bridges admits for them."""

from __future__ import annotations

import json

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._host import bridges
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies

ADDRESSES = """1: lo    inet 127.0.0.1/8 scope host lo
2: eth0    inet 198.51.100.11/24 brd 198.51.100.255 scope global eth0
7: virbr0    inet 192.0.2.129/26 brd 192.0.2.191 scope global virbr0
7: virbr0    inet6 fe80::1/64 scope link
9: cni(0    inet6 2001:db8:9::1/64 scope global
"""
FOUND = [bridges.Bridge('cni(0', ('2001:db8:9::/64',)), bridges.Bridge('virbr0', ('192.0.2.128/26',))]

ALL = FOUND[0].networks + FOUND[1].networks


def test_the_networks_of_bridges():
    assert bridges.parse(['cni(0', 'docker0', 'virbr0'], ADDRESSES) == FOUND


@pytest.mark.parametrize(
    ('served', 'ingress'),
    [
        (set(), []),
        (
            {53},
            [('tcp', 53, FOUND[0].networks + FOUND[1].networks), ('udp', 53, FOUND[0].networks + FOUND[1].networks)],
        ),
        # a guest that asks for an address has none yet
        ({67, 9}, [('udp', 67, ('0.0.0.0/32', '192.0.2.128/26'))]),
    ],
)
def test_only_what_is_served_is_admitted(served, ingress):
    rules = bridges.rules(FOUND, served)
    assert [
        (rule.protocol, rule.ports[0][0], rule.peers.addresses) for rule in rules if rule.direction == 'ingress'
    ] == ingress
    assert [rule.protocol for rule in rules if rule.direction == 'egress'] == ['tcp', 'udp', 'icmp', 'icmpv6']


def test_a_policy_that_does_not_ask_for_it_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(bridges, 'local', lambda: FOUND)
    monkeypatch.setattr(bridges, '_served', lambda: {53})
    data = {'format': 1, 'egress': 'deny', 'exclusive': False, 'groups': {}, 'rules': [], 'citations': {}}
    data['management'] = {'sources': ['any'], 'ports': []}
    without = policies.parse(json.dumps(data))
    asked = policies.parse(json.dumps({**data, 'local_bridges': True}))
    assert bridges.admitted(without) == without and len(bridges.admitted(asked).rules) == 6
    assert bridges.warnings(asked) == () and bridges.warnings(without) == (
        'containers and guests on bridges of this host (cni(0, virbr0) cannot reach its DNS and cannot be reached by '
        'it, unless a flow documents it; set portmatrix_local_bridges: true to admit that',
    )
