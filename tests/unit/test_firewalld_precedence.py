"""What zones and policies of others decide before a policy of portmatrix, in both forms of firewalld's chains."""

from __future__ import annotations

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
    'filter_IN_public_deny': ['saddr 192.0.2.66 dport 22 reject', 'dport 443 reject6'],
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
# since 2.5: one chain for each zone again
LAYOUT_3 = {
    **ZONES,
    'filter_INPUT': [*BASE, 'jump filter_INPUT_dispatch', 'reject'],
    'filter_INPUT_dispatch': ['saddr 203.0.113.0/24 jump filter_IN_office_to_HOST', 'jump filter_IN_public_to_HOST'],
    'filter_IN_office_to_HOST': ['jump filter_IN_policy_theirs', 'jump filter_IN_office', f'jump {OWN}', 'accept'],
    'filter_IN_public_to_HOST': ['jump filter_IN_policy_theirs', 'jump filter_IN_public', f'jump {OWN}', 'reject'],
    'filter_IN_public': LAYOUT_2['filter_IN_public'],
    'filter_IN_office': LAYOUT_2['filter_IN_office'],
}
LAYOUTS = {'1.3': LAYOUT_1, '2.3': LAYOUT_2, '2.5': LAYOUT_3}
WAYS = {'1.3': 'filter_INPUT_ZONES', '2.3': 'filter_INPUT_POLICIES', '2.5': 'filter_INPUT_dispatch'}
SETS = {'friends': ['198.51.100.0/28']}


def expression(words: list[str]) -> list[dict[str, t.Any]]:
    """A rule of the tables above in nft's JSON."""
    fields = {
        'saddr': {'payload': {'protocol': 'ip', 'field': 'saddr'}},
        'dport': {'payload': {'protocol': 'tcp', 'field': 'dport'}},
        'iifname': {'meta': {'key': 'iifname'}},
        'l4proto': {'meta': {'key': 'l4proto'}},
        'ct': {'ct': {'key': 'status' if 'dnat' in words else 'state'}},
        'ct!': {'ct': {'key': 'state'}},
        'mac': {'payload': {'protocol': 'ether', 'field': 'saddr'}},
        'daddr': {'payload': {'protocol': 'ip', 'field': 'daddr'}},
    }
    parts: list[dict[str, t.Any]] = []
    while words:
        word = words.pop(0)
        if word in ('jump', 'goto'):
            parts.append({word: {'target': words.pop(0)}})
        elif word == 'helper':
            parts.append({'ct helper': 'helper-ftp-tcp'})
        elif word in fields:
            operator = '!=' if word.endswith('!') else '=='
            parts.append({'match': {'op': operator, 'left': fields[word], 'right': value(word, words.pop(0))}})
        elif word == 'reject6':  # nft does not list the family, which it implies
            parts.append({'reject': {'type': 'icmpv6', 'expr': 'port-unreachable'}})
        else:
            parts.append({word: None})
    return parts


def value(field: str, text: str) -> t.Any:
    if text == 'established':
        return {'set': ['established', 'related']}
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
    objects.append({'set': {'name': 'pairs', 'elem': [{'concat': ['198.51.100.1', 'tcp', 80]}]}})
    return kernel.parse(objects)


def policy(name: str, *rules: RichRule) -> Documents:
    slot = SLOTS[name]
    return Documents({name: PolicyDocument(slot.direction, slot.target, slot.priority, rules, {}, {})}, {})


WEB = RichRule('ipv4', '192.0.2.1', 'port', '443', 'tcp')
ALL_SSH = RichRule(None, ANY, 'port', '22', 'tcp')


@pytest.mark.parametrize('version', LAYOUTS)
def test_the_way_that_firewalld_writes_is_complete(version):
    assert loaded(LAYOUTS[version]).faults == ()


# what -> chain (None: the one that leads to the zones), rule
CHANGES = {
    'a rule before everything': ('filter_INPUT', 'dport 31337 accept'),
    'a denial before everything': ('filter_INPUT', 'dport 443 drop'),
    'new connections that are not invalid': ('filter_INPUT', 'ct! invalid accept'),
    'a MAC address': ('filter_INPUT', 'mac 00:11:22:33:44:55 accept'),
    'a chain of somebody': ('filter_INPUT', 'jump mine'),
    'a rule for one source, as if of a zone': (None, 'saddr 192.0.2.66 accept'),
    'a rule before the zones': (None, 'dport 31337 accept'),
}


@pytest.mark.parametrize('version', LAYOUTS)
@pytest.mark.parametrize('name', CHANGES)
def test_what_firewalld_does_not_write_on_the_way_is_a_fault(version, name):
    chain, rule = CHANGES[name]
    chain = chain or WAYS[version]
    layout = {**LAYOUTS[version], chain: [rule, *LAYOUTS[version][chain]], 'mine': ['dport 31337 accept']}
    (fault,) = loaded(layout).faults
    assert fault.startswith(f'the chain {chain} has a rule that firewalld does not write: ')
    assert any(step.is_inserted and step.is_earlier for step in loaded(layout).orders()['ingress'].steps)
    # a reload removes it, so it counts no longer when one is planned
    steps = others.after_reload(loaded(layout).orders(), {})['ingress'].steps
    assert set(steps) == set(loaded(LAYOUTS[version]).orders()['ingress'].steps)


# conditions of zones, and what LogDenied and RFC3964_IPv4 write
VARIANTS = {
    'a set': ('saddr 203.0.113.0/24', 'saddr @friends'),
    'a set of another kind': ('saddr 203.0.113.0/24', 'saddr @pairs'),
    'a MAC address': ('saddr 203.0.113.0/24', 'mac 00:11:22:33:44:55'),
    'interfaces': ('saddr 203.0.113.0/24', 'iifname eth*'),
    'a name that ends like a part': ('filter_IN_public', 'filter_IN_dmz_log'),
    'logged denials': ('reject', 'log reject'),
}


@pytest.mark.parametrize('version', LAYOUTS)
@pytest.mark.parametrize('name', VARIANTS)
def test_what_firewalld_may_write_is_no_fault(version, name):
    old, new = VARIANTS[name]
    layout = {
        chain.replace(old, new): [rule.replace(old, new) for rule in rules] for chain, rules in LAYOUTS[version].items()
    }
    in_kernel = loaded(layout)
    assert in_kernel.faults == ()
    assert others.effect(in_kernel.orders(), policy('portmatrix-in', WEB), {}).rules


@pytest.mark.parametrize('rules', [['reject'], ['dport 8088 accept', 'reject']])
def test_strict_forwarded_ports_are_no_fault(rules):
    """StrictForwardPorts of firewalld 2.3 and later, which Fedora sets: what was forwarded has a chain of its own."""
    base = [rule.replace('ct dnat accept', 'ct dnat jump filter_INPUT_dnat') for rule in LAYOUT_3['filter_INPUT']]
    assert base != LAYOUT_3['filter_INPUT']
    in_kernel = loaded({**LAYOUT_3, 'filter_INPUT': base, 'filter_INPUT_dnat': rules})
    assert in_kernel.faults == () and in_kernel.orders() == loaded(LAYOUT_3).orders()


@pytest.mark.parametrize('version', LAYOUTS)
def test_a_zone_that_is_not_passed_through_the_policy_is_a_fault(version):
    changed = {
        '1.3': {'filter_IN_office': [PRE, *PARTS['office'], 'accept']},
        '2.3': {
            'filter_INPUT_POLICIES': [*LAYOUT_2['filter_INPUT_POLICIES'][:2], *LAYOUT_2['filter_INPUT_POLICIES'][3:]]
        },
        '2.5': {'filter_IN_office_to_HOST': ['jump filter_IN_office', 'accept']},
    }[version]
    assert loaded({**LAYOUTS[version], **changed}).faults == ('the kernel does not pass ingress through portmatrix-in',)


@pytest.mark.parametrize('version', LAYOUTS)
def test_what_others_allow_and_deny_is_named(version):
    effect = others.effect(loaded(LAYOUTS[version]).orders(), policy('portmatrix-in', WEB, ALL_SSH), {})
    texts = {opening.text for opening in effect.rules}
    ping = 'firewalld zone public: l4proto icmp accept'
    assert texts - {ping} == {
        'firewalld policy theirs: tcp dport 9100 accept',
        'firewalld policy theirs: ip saddr 203.0.113.0/24 tcp dport 9100 accept',
        'firewalld zone public: ip saddr @friends tcp dport 5000-5010 accept',
        'firewalld zone office: ip saddr 203.0.113.0/24 tcp dport 21 accept',
    }
    # since 2.0, the zone itself accepts pings, before its target
    assert (ping in texts) is (version != '1.3')
    assert 'firewalld zone office: ip saddr 203.0.113.0/24 accept (its target)' in {o.text for o in effect.targets}
    assert effect.denials == ('firewalld zone public: ip saddr 192.0.2.66 tcp dport 22 reject',)
    assert effect.helpers == ()


def test_a_helper_counts_for_what_the_policy_allows():
    ftp = RichRule('ipv4', '203.0.113.9', 'port', '21', 'tcp')
    effect = others.effect(loaded(LAYOUT_1).orders(), policy('portmatrix-in-top', ftp), {})
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
    ('2001:db8::5', 443): (False, False),
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
    effect = others.effect(loaded(LAYOUT_1).orders(), policy('portmatrix-in', WEB), {})
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


def test_a_policy_that_comes_even_before_an_exclusive_one_is_named_as_such():
    layout = {**LAYOUT_2, 'filter_IN_policy_theirs_deny': ['saddr 192.0.2.1 drop']}
    layout['filter_IN_policy_theirs'] = ['jump filter_IN_policy_theirs_deny', *ZONES['filter_IN_policy_theirs']]
    wanted = policy('portmatrix-in-top', WEB)
    effect = others.effect(loaded(layout).orders(), wanted, {'theirs': -32500})
    assert [opening.text for opening in effect.open(wanted)] == [
        'firewalld policy theirs: ip saddr 203.0.113.0/24 tcp dport 9100 accept',
        'firewalld policy theirs: tcp dport 9100 accept',
    ]
    assert 'firewalld policy theirs: ip saddr 192.0.2.1 drop' in effect.first_denials and not effect.denials


def test_what_is_added_to_the_policy_of_firewalld_itself_is_named():
    layout = {
        **LAYOUT_1,
        'filter_INPUT_POLICIES_pre': ['jump filter_IN_policy_allow-host-ipv6'],
        'filter_IN_policy_allow-host-ipv6': ['jump filter_IN_policy_allow-host-ipv6_allow'],
        'filter_IN_policy_allow-host-ipv6_allow': ['l4proto icmpv6 accept', 'dport 80 accept'],
    }
    effect = others.effect(loaded(layout).orders(), policy('portmatrix-in', WEB), {})
    assert [opening.text for opening in effect.rules if 'allow-host-ipv6' in opening.text] == [
        'firewalld policy allow-host-ipv6: ip saddr 203.0.113.0/24 tcp dport 80 accept',
        'firewalld policy allow-host-ipv6: tcp dport 80 accept',
    ]


# rule of the zone -> whether it denies SSH at eth0 of 192.0.2.10
CONDITIONS = {
    'iifname eth* dport 22 drop': True,
    'iifname wg* dport 22 drop': False,
    'daddr 192.0.2.10 dport 22 drop': True,
    'daddr 192.0.2.11 dport 22 drop': False,
    'mac 00:11:22:33:44:55 drop': False,  # that is not known
}


@pytest.mark.parametrize('rule', CONDITIONS)
def test_interfaces_and_addresses_of_the_host_count(monkeypatch, rule):
    monkeypatch.setattr(management, 'interface', lambda local: 'eth0')
    orders = loaded({**LAYOUT_3, 'filter_IN_public_deny': [rule]}).orders()
    connection = Connection('ingress', '198.51.100.9', 22, '192.0.2.10', 40000)
    assert bool(others.allowed(Documents({}, {}), orders, {}, [connection])) is not CONDITIONS[rule]


def test_what_is_open_to_one_mac_address_is_named():
    layout = {**LAYOUT_2, 'filter_IN_public_allow': ['mac 00:11:22:33:44:55 dport 8080 accept']}
    effect = others.effect(loaded(layout).orders(), policy('portmatrix-in', WEB), {})
    assert 'firewalld zone public: ether saddr 00:11:22:33:44:55 tcp dport 8080 accept' in {
        opening.text for opening in effect.rules if not opening.for_all
    }


ODD = [
    {'match': {'op': '==', 'left': {'concat': [{'payload': {}}]}, 'right': '@pairs'}},
    {'match': {'op': '==', 'left': {'fib': {'result': 'type'}}, 'right': 'local'}},
    {'match': {'op': '==', 'left': {'&': [{'payload': {'protocol': 'tcp', 'field': 'flags'}}, 'syn']}, 'right': 'syn'}},
    {'match': {'op': '==', 'left': {'payload': {'base': 'th', 'offset': 16, 'len': 16}}, 'right': 80}},
    {'limit': '@named'},
    {'mangle': {'key': {'meta': {'key': 'mark'}}, 'value': 1}},
]


@pytest.mark.parametrize('part', ODD)
def test_an_expression_of_another_kind_is_named_as_it_is(part):
    objects = [{'rule': {'chain': 'filter_IN_public_allow', 'expr': [part, {'accept': None}]}}]
    for chain, rules in LAYOUT_2.items():
        objects.extend({'rule': {'chain': chain, 'expr': expression(rule.split())}} for rule in rules)
    effect = others.effect(kernel.parse(objects).orders(), policy('portmatrix-in', WEB), {})
    assert any('{"' in opening.text and not opening.for_all for opening in effect.rules)
