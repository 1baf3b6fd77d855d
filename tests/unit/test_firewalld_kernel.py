"""Reading the JSON of nftables: what firewalld writes, in all versions and with all settings, is parsed; everything
else counts as a rule that portmatrix does not manage."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import kernel

POLICY = 'filter_IN_policy_portmatrix-in'


def match(left, right, op='=='):
    return {'match': {'op': op, 'left': left, 'right': right}}


def rule(chain, *parts):
    return {'rule': {'family': 'inet', 'table': 'firewalld', 'chain': chain, 'expr': list(parts)}}


SOURCE = {'payload': {'protocol': 'ip', 'field': 'saddr'}}
PORT = {'payload': {'protocol': 'tcp', 'field': 'dport'}}
STATE = match({'ct': {'key': 'state'}}, {'set': ['new', 'untracked']}, 'in')
LOG = ({'limit': {'rate': 1}}, {'log': {'prefix': 'x'}})
TABLE = [
    {'chain': {'name': 'filter_INPUT', 'hook': 'input'}},
    *({'chain': {'name': name}} for name in (POLICY, f'{POLICY}_allow', f'{POLICY}_deny')),
    rule('filter_INPUT', {'jump': {'target': POLICY}}),
    rule(POLICY, {'jump': {'target': f'{POLICY}_deny'}}),
    rule(POLICY, {'jump': {'target': f'{POLICY}_allow'}}),
    rule(f'{POLICY}_allow', match(SOURCE, '192.0.2.1'), match(PORT, 443), {'accept': None}),
    rule(POLICY, {'drop': None}),
]
EXPECTED = {('ingress', 'ipv4', 'tcp', 'destination', (443, 443), ((3221225985, 3221225985),), ''): 1}


def with_parts(change):
    table = copy.deepcopy(TABLE)
    for item in table:
        if 'rule' in item:
            item['rule']['expr'] = change(item['rule']['chain'], item['rule']['expr'])
    return table


def test_what_firewalld_writes_is_parsed():
    parsed = kernel.parse(TABLE)
    assert (dict(parsed.rules), parsed.active, parsed.faults) == (EXPECTED, ('portmatrix-in',), ())


def test_counters_are_ignored():
    parsed = kernel.parse(
        with_parts(lambda chain, parts: [*parts[:-1], {'counter': {'packets': 1, 'bytes': 2}}, parts[-1]])
    )
    assert (dict(parsed.rules), parsed.faults) == (EXPECTED, ())


def test_connection_states_of_firewalld_before_1_3_are_ignored():
    parsed = kernel.parse(
        with_parts(lambda chain, parts: [*parts[:-1], STATE, parts[-1]] if chain.endswith('_allow') else parts)
    )
    assert (dict(parsed.rules), parsed.faults) == (EXPECTED, ())


def test_rules_that_log_denied_packets_are_ignored():
    table = [
        *TABLE[:-1],
        rule(
            POLICY,
            match({'meta': {'key': 'pkttype'}}, 'unicast'),
            {'log': {'prefix': 'filter_IN_policy_portmatrix-in_DROP: '}},
        ),
        TABLE[-1],
    ]
    parsed = kernel.parse(table)
    assert (dict(parsed.rules), parsed.faults) == (EXPECTED, ())


@pytest.mark.parametrize(
    'unmanaged',
    [
        (match(PORT, {'set': [80, 81]}), {'accept': None}),
        (match(SOURCE, {'set': ['192.0.2.1', '192.0.2.2']}), match(PORT, 80), {'accept': None}),
        (match(PORT, 80, '!='), {'accept': None}),
        (match({'meta': {'key': 'iifname'}}, 'eth0'), {'accept': None}),
        (match(PORT, 80), {'drop': None}),
        ({'accept': None},),
        ({'jump': {'target': 'elsewhere'}},),
    ],
)
def test_an_unmanaged_rule_in_a_managed_chain_is_a_fault(unmanaged):
    parsed = kernel.parse([*TABLE, rule(f'{POLICY}_allow', *unmanaged)])
    assert len(parsed.faults) == 1 and 'that is not managed by portmatrix' in parsed.faults[0]
    assert dict(parsed.rules) == EXPECTED


def test_a_missing_verdict_and_a_chain_without_a_jump_are_faults():
    assert kernel.parse(TABLE[:-1]).faults[0] == 'the kernel does not deny the rest of ingress'
    unhooked = [item for item in TABLE if item.get('rule', {}).get('chain') != 'filter_INPUT']
    assert kernel.parse(unhooked).faults == ('the kernel does not pass ingress through portmatrix-in',)


def test_an_unmanaged_rule_before_the_verdict_is_a_fault():
    table = [*TABLE[:-1], rule(POLICY, match(PORT, 7777), {'accept': None}), TABLE[-1]]
    assert kernel.parse(table).faults == (f'the chain {POLICY} differs from what firewalld writes',)
