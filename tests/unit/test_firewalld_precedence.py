"""What zones and policies of others decide before a policy of portmatrix, in both forms of firewalld's chains."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import kernel, others, precedence
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.documents import (
    Documents,
    PolicyDocument,
    RichRule,
    SetDocument,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.slots import SLOTS
from ansible_collections.portmatrix.firewall.plugins.module_utils._host import management
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.connection import Connection
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY

OWN = 'filter_IN_policy_portmatrix-in'
BASE = ['ct established accept', 'ct dnat accept', 'iifname lo accept', 'ct invalid drop']
ZONES = {
    'filter_IN_public_deny': ['saddr 192.0.2.66 dport 22 reject', 'dport 21 reject6'],
    'filter_IN_public_allow': ['dport 22 accept', 'saddr @friends dport 5000-5010 accept'],
    'filter_IN_office_allow': ['dport 21 helper', 'dport 21 accept'],
    'filter_IN_policy_theirs_allow': ['dport 9100 accept'],
    f'{OWN}_allow': ['saddr 192.0.2.1 dport 443 accept'],
    OWN: [f'jump {OWN}_allow', 'drop'],
    'filter_IN_policy_theirs': ['jump filter_IN_policy_theirs_allow'],
}
PARTS = {zone: [f'jump filter_IN_{zone}_deny', f'jump filter_IN_{zone}_allow'] for zone in ('public', 'office')}
PRE, POST = 'jump filter_INPUT_POLICIES_pre', 'jump filter_INPUT_POLICIES_post'
# up to 1.3: one chain for each zone
LAYOUT_1 = {
    **ZONES,
    'filter_INPUT': [*BASE, 'jump filter_INPUT_ZONES', 'reject'],
    'filter_INPUT_ZONES': ['saddr 203.0.113.0/24 goto filter_IN_office', 'goto filter_IN_public'],
    'filter_INPUT_POLICIES_pre': ['jump filter_IN_policy_theirs'],
    'filter_INPUT_POLICIES_post': [f'jump {OWN}'],
    'filter_IN_public': [PRE, *PARTS['public'], POST, 'l4proto icmp accept', 'reject'],
    'filter_IN_office': [PRE, *PARTS['office'], POST, 'accept'],
}
# since 2.0: one chain for all of them, with the targets
LAYOUT_2 = {
    **ZONES,
    'filter_INPUT': [*BASE, 'jump filter_INPUT_POLICIES', 'reject'],
    'filter_INPUT_POLICIES': [
        'saddr 203.0.113.0/24 jump filter_IN_policy_theirs',
        'saddr 203.0.113.0/24 jump filter_IN_office',
        f'saddr 203.0.113.0/24 jump {OWN}',
        'saddr 203.0.113.0/24 accept',
        'jump filter_IN_policy_theirs',
        'jump filter_IN_public',
        f'jump {OWN}',
        'reject',
    ],
    'filter_IN_public': [*PARTS['public'], 'l4proto icmp accept'],
    'filter_IN_office': PARTS['office'],
}
LAYOUTS = {'1.3': LAYOUT_1, '2.3': LAYOUT_2}
SETS = {'friends': ['198.51.100.0/28']}


def expression(words: list[str]) -> list[dict[str, t.Any]]:
    """A rule of the tables above in nft's JSON."""
    fields = {
        'saddr': {'payload': {'protocol': 'ip', 'field': 'saddr'}},
        'dport': {'payload': {'protocol': 'tcp', 'field': 'dport'}},
        'iifname': {'meta': {'key': 'iifname'}},
        'l4proto': {'meta': {'key': 'l4proto'}},
        'ct': {'ct': {'key': 'status' if 'dnat' in words else 'state'}},
    }
    parts: list[dict[str, t.Any]] = []
    while words:
        word = words.pop(0)
        if word in ('jump', 'goto'):
            parts.append({word: {'target': words.pop(0)}})
        elif word == 'helper':
            parts.append({'ct helper': 'helper-ftp-tcp'})
        elif word in fields:
            parts.append({'match': {'op': '==', 'left': fields[word], 'right': value(word, words.pop(0))}})
        elif word == 'reject6':  # nft does not list the family, which it implies
            parts.append({'reject': {'type': 'icmpv6', 'expr': 'port-unreachable'}})
        else:
            parts.append({word: None})
    return parts


def value(field: str, text: str) -> t.Any:
    if field == 'dport':
        low, _dash, high = text.partition('-')
        return {'range': [int(low), int(high)]} if high else int(low)
    address, _slash, prefix = text.partition('/')
    return {'prefix': {'addr': address, 'len': int(prefix)}} if prefix else text


def loaded(layout: dict[str, list[str]]) -> kernel.Kernel:
    objects: list[dict[str, t.Any]] = [{'chain': {'name': 'filter_INPUT', 'hook': 'input'}}]
    for chain, rules in layout.items():
        objects.append({'chain': {'name': chain}})
        objects.extend({'rule': {'chain': chain, 'expr': expression(rule.split())}} for rule in rules)
    objects.append({'set': {'name': 'friends', 'elem': ['198.51.100.0/28']}})
    return kernel.parse(objects)


def policy(name: str, *rules: RichRule) -> Documents:
    slot = SLOTS[name]
    return Documents({name: PolicyDocument(slot.direction, slot.target, slot.priority, rules, {}, {})}, {})


WEB = RichRule('ipv4', '192.0.2.1', 'port', '443', 'tcp')
ALL_SSH = RichRule(None, ANY, 'port', '22', 'tcp')


@pytest.mark.parametrize('version', LAYOUTS)
def test_the_way_that_firewalld_writes_is_complete(version):
    assert loaded(LAYOUTS[version]).faults == ()


CHANGES = {
    'a rule before everything': ('filter_INPUT', 0, 'dport 31337 accept', 'the chain filter_INPUT has a rule'),
    'a denial before everything': ('filter_INPUT', 4, 'dport 443 drop', 'the chain filter_INPUT has a rule'),
    'a rule for one source, as if of a zone': (
        {'1.3': 'filter_INPUT_ZONES', '2.3': 'filter_INPUT_POLICIES'},
        0,
        'saddr 192.0.2.66 accept',
        'the kernel does not pass ingress through portmatrix-in|the chain filter_INPUT_ZONES has a rule',
    ),
    'a rule before the zones': (
        {'1.3': 'filter_INPUT_ZONES', '2.3': 'filter_INPUT_POLICIES'},
        0,
        'dport 31337 accept',
        'the chain filter_INPUT_(ZONES|POLICIES) has a rule',
    ),
}


@pytest.mark.parametrize('version', LAYOUTS)
@pytest.mark.parametrize('name', CHANGES)
def test_what_firewalld_does_not_write_on_the_way_is_a_fault(version, name):
    chains, place, rule, expected = CHANGES[name]
    chain = chains[version] if isinstance(chains, dict) else chains
    layout = {**LAYOUTS[version], chain: list(LAYOUTS[version][chain])}
    layout[chain].insert(place, rule)
    faults = loaded(layout).faults
    assert faults and all(re.match(expected, fault) for fault in faults), faults


@pytest.mark.parametrize('version', LAYOUTS)
def test_a_zone_that_is_not_passed_through_the_policy_is_a_fault(version):
    changed = {
        '1.3': {'filter_IN_office': [PRE, *PARTS['office'], 'accept']},
        '2.3': {
            'filter_INPUT_POLICIES': [*LAYOUT_2['filter_INPUT_POLICIES'][:2], *LAYOUT_2['filter_INPUT_POLICIES'][3:]]
        },
    }[version]
    assert loaded({**LAYOUTS[version], **changed}).faults == ('the kernel does not pass ingress through portmatrix-in',)


@pytest.mark.parametrize('version', LAYOUTS)
def test_what_others_allow_and_deny_is_named(version):
    effect = others.effect(loaded(LAYOUTS[version]).orders(), policy('portmatrix-in', WEB, ALL_SSH))
    texts = {opening.text for opening in effect.rules}
    ping = 'firewalld zone public: l4proto icmp accept'
    assert texts - {ping} == {
        'firewalld policy theirs: tcp dport 9100 accept',
        'firewalld policy theirs: ip saddr 203.0.113.0/24 tcp dport 9100 accept',
        'firewalld zone public: ip saddr @friends tcp dport 5000-5010 accept',
        'firewalld zone office: ip saddr 203.0.113.0/24 tcp dport 21 accept',
    }
    # since 2.0, the zone itself accepts pings, before its target
    assert (ping in texts) is (version == '2.3')
    assert 'firewalld zone office: ip saddr 203.0.113.0/24 accept (its target)' in {o.text for o in effect.targets}
    assert effect.denials == ('firewalld zone public: ip saddr 192.0.2.66 tcp dport 22 reject',)
    assert effect.helpers == ()


def test_a_helper_counts_for_what_the_policy_allows():
    ftp = RichRule('ipv4', '203.0.113.9', 'port', '21', 'tcp')
    effect = others.effect(loaded(LAYOUT_1).orders(), policy('portmatrix-in-top', ftp))
    assert effect.helpers == (
        'firewalld zone office: ip saddr 203.0.113.0/24 tcp dport 21 ct helper set helper-ftp-tcp',
    )


# (source, port) -> decided by the zones: without a policy, with one that comes after their rules
CONNECTIONS = {
    ('192.0.2.66', 22): (False, False),
    ('192.0.2.7', 22): (True, True),
    ('192.0.2.1', 443): (False, None),
    ('198.51.100.3', 5001): (True, True),
    ('198.51.100.30', 5001): (False, None),
    ('203.0.113.5', 8080): (True, None),
    ('203.0.113.5', 21): (True, True),
    ('203.0.113.5', 22): (True, None),  # the zone public is not asked about sources of another one
    ('2001:db8::5', 22): (True, True),
    ('2001:db8::5', 21): (False, False),
    ('192.0.2.7', 21): (False, None),
}


@pytest.mark.parametrize('version', LAYOUTS)
@pytest.mark.parametrize('source, port', CONNECTIONS)
def test_a_connection_is_judged_in_the_order_of_the_kernel(monkeypatch, version, source, port):
    monkeypatch.setattr(management, 'interface', lambda local: 'eth0')
    connection = Connection('ingress', source, port, '192.0.2.10', 40000)
    orders = loaded(LAYOUTS[version]).orders()
    without, before = CONNECTIONS[source, port]
    assert bool(others.allowed(Documents({}, {}), orders, {}, [connection])) is without
    shared, exclusive = policy('portmatrix-in', WEB), policy('portmatrix-in-top', WEB)
    by_policy = (source, port) == ('192.0.2.1', 443)
    assert bool(others.allowed(shared, orders, {}, [connection])) is (by_policy if before is None else before)
    assert bool(others.allowed(exclusive, orders, {}, [connection])) is by_policy
    # even before an exclusive policy comes one with a lower number
    early = {'theirs': -32500}
    assert others.allowed(exclusive, orders, early, [connection._replace(port=9100)])


@pytest.mark.parametrize(
    'name, is_open', [('', ('rules', 'targets')), ('portmatrix-in', ('rules',)), ('portmatrix-in-top', ())]
)
def test_what_is_open_depends_on_the_policy_in_force(name, is_open):
    effect = others.effect(loaded(LAYOUT_1).orders(), policy('portmatrix-in', WEB))
    in_force = policy(name, WEB) if name else Documents({}, {'portmatrix-4-001': SetDocument('ipv4', '', ())})
    assert set(effect.open(in_force)) == {opening for kind in is_open for opening in getattr(effect, kind)}
    lines = effect.lines(in_force)
    assert len([line for line in lines if line.startswith('not in the policy, and closed')]) == sum(
        len(getattr(effect, kind)) for kind in ('rules', 'targets') if kind not in is_open
    )


def test_the_order_without_the_rules_is_that_of_the_way():
    chains = loaded(LAYOUT_2).chains
    order = precedence.read('ingress', chains, SETS, 'portmatrix-in', with_rules=False)
    assert order.is_complete and not order.unknown
    assert [step.text for step in order.steps if step.verdict == 'accept'] == [
        'ip saddr 203.0.113.0/24 accept',
        'l4proto icmp accept',
    ]
