"""The prepared objects of firewalld: how many there are, and what they can and cannot take."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import hitless, pool, running
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.documents import (
    Documents,
    RichRule,
    SetDocument,
)
from fake_firewalld import FakeFirewalld
from firewalld_changes import START, apply, plan, policy

PREPARED = pool.fresh(Documents({}, {}))


def test_more_groups_than_idle_sets_are_a_reload_which_makes_more(monkeypatch):
    firewalld = FakeFirewalld()
    firewalld.install(monkeypatch)
    apply(START).confirm()
    names = [f'group {number}' for number in range(9)]
    many = policy([('ingress', name, '80') for name in names], dict.fromkeys(names, ['192.0.2.1', '192.0.2.2']))
    assert plan(many).transition == 'reload'
    state = firewalld.state()
    apply(many).roll_back()
    assert firewalld.state() == state, 'the sets of the larger pool are gone'
    apply(many).confirm()
    other = policy(
        [('egress', name, '80') for name in names], {name: ['192.0.2.4', '192.0.2.5'] for name in names}, egress='deny'
    )
    assert plan(other).transition == 'hitless'


def test_too_many_members_and_too_many_rules_for_one_call_need_a_reload():
    def steps(rules: t.Iterable[RichRule], members: tuple[str, ...]) -> hitless.Steps | None:
        active = PREPARED.policies['portmatrix-in']._replace(rules=tuple(rules), active=True)
        sets = {**PREPARED.sets, 'portmatrix-4-001': SetDocument('ipv4', 'a', members)}
        present = {
            name: running.RunningPolicy((), False, idle.priority, idle.target, is_modified=False)
            for name, idle in PREPARED.policies.items()
        }
        wanted = Documents({**PREPARED.policies, 'portmatrix-in': active}, sets)
        return hitless.compute_steps(wanted, dict.fromkeys(sets, ()), present)

    rule = RichRule('ipv4', '@portmatrix-4-001', 'port', '443', 'tcp')
    addresses = [f'10.{number // 256}.{number % 256}.0/28' for number in range(65536)] * 4
    assert steps([rule], tuple(addresses[:65536])) is not None
    assert steps([rule], tuple(addresses)) is None
    assert steps([rule._replace(peer=address) for address in addresses[:1000]], ()) is not None
    assert steps([rule._replace(peer=address) for address in addresses[:100000]], ()) is None


@pytest.mark.parametrize(
    'policies_of, sets, expected_answer',
    [
        (PREPARED.policies, PREPARED.sets, True),
        (PREPARED.policies, {**PREPARED.sets, 'portmatrix-6-1000': SetDocument('ipv6', '', ())}, True),
        (PREPARED.policies, {'portmatrix-0123456789-4': SetDocument('ipv4', 'a', ())}, False),
        ({'portmatrix-in': PREPARED.policies['portmatrix-in']}, PREPARED.sets, False),
        ({}, {}, False),
    ],
    ids=['prepared', 'a large pool', 'sets of an earlier version', 'policies of an earlier version', 'nothing'],
)
def test_only_complete_objects_of_this_version_can_change_without_a_reload(policies_of, sets, expected_answer):
    assert pool.is_in_use(Documents(policies_of, sets)) is expected_answer
