"""Reading nftables' JSON: the forms of firewalld's versions and settings are understood, everything else counts as
somebody else's rule."""

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
EXPECTED = {('ingress', 'ipv4', 'tcp', 'destination', (443, 443), ((3221225985, 3221225985),)): 1}


def with_parts(change):
    table = copy.deepcopy(TABLE)
    for item in table:
        if 'rule' in item:
            item['rule']['expr'] = change(item['rule']['chain'], item['rule']['expr'])
    return table


def test_what_firewalld_writes_is_understood():
    found = kernel.parse(TABLE)
    assert (dict(found.rules), found.directions, found.faults) == (EXPECTED, ('ingress',), ())


def test_counters_are_passed_over():
    found = kernel.parse(
        with_parts(lambda chain, parts: [*parts[:-1], {'counter': {'packets': 1, 'bytes': 2}}, parts[-1]])
    )
    assert (dict(found.rules), found.faults) == (EXPECTED, ())


def test_connection_states_of_firewalld_before_1_3_are_passed_over():
    found = kernel.parse(
        with_parts(lambda chain, parts: [*parts[:-1], STATE, parts[-1]] if chain.endswith('_allow') else parts)
    )
    assert (dict(found.rules), found.faults) == (EXPECTED, ())


def test_rules_that_log_what_is_denied_are_passed_over():
    table = [
        *TABLE[:-1],
        rule(
            POLICY,
            match({'meta': {'key': 'pkttype'}}, 'unicast'),
            {'log': {'prefix': 'filter_IN_policy_portmatrix-in_DROP: '}},
        ),
        TABLE[-1],
    ]
    found = kernel.parse(table)
    assert (dict(found.rules), found.faults) == (EXPECTED, ())


@pytest.mark.parametrize(
    'foreign',
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
def test_a_foreign_rule_among_ours_is_a_fault_and_no_crash(foreign):
    found = kernel.parse([*TABLE, rule(f'{POLICY}_allow', *foreign)])
    assert len(found.faults) == 1 and 'that is not managed by portmatrix' in found.faults[0]
    assert dict(found.rules) == EXPECTED


def test_a_verdict_that_is_missing_and_a_chain_that_is_not_reached_are_faults():
    assert kernel.parse(TABLE[:-1]).faults[0] == 'the kernel does not deny the rest of ingress'
    unhooked = [item for item in TABLE if item.get('rule', {}).get('chain') != 'filter_INPUT']
    assert kernel.parse(unhooked).faults == ('the kernel does not pass ingress through portmatrix-in',)


def test_a_foreign_rule_before_the_verdict_is_a_fault():
    table = [*TABLE[:-1], rule(POLICY, match(PORT, 7777), {'accept': None}), TABLE[-1]]
    assert kernel.parse(table).faults == (f'the chain {POLICY} differs from what firewalld writes',)
