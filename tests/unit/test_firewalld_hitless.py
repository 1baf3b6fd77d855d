"""The running firewall is changed step by step: at every moment, what is allowed is allowed before or after the change,
and what is allowed before and after is allowed."""

from __future__ import annotations

import itertools
from unittest import mock

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import hitless, pool, running
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.documents import (
    Documents,
    PolicyDocument,
    RichRule,
    SetDocument,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.slots import SLOTS
from hypothesis import given, settings, strategies as st

HOSTS = [f'192.0.2.{number}' for number in range(1, 6)]
PORTS = ['80', '443', '8443']
MEMBERS = [HOSTS[:2], HOSTS[1:3], HOSTS[:4], HOSTS[2:]]
GROUPS = ['a/ipv4', 'b/ipv4', 'c/ipv4']
ALL = set(itertools.product(('ingress', 'egress'), HOSTS, PORTS))
SETS = [f'portmatrix-4-{number:03d}' for number in range(1, 8)]
PREPARED = pool.fresh(Documents({}, {}))


@st.composite
def wanted(draw) -> Documents:
    """Rules for single hosts and for up to three groups of two or more, in policies before the zones or exclusive."""
    groups = {
        name: SetDocument('ipv4', name, tuple(draw(st.sampled_from(MEMBERS))))
        for name in draw(st.sets(st.sampled_from(GROUPS)))
    }
    exclusive = draw(st.booleans())
    policies = {}
    for direction in ['ingress', *(['egress'] if draw(st.booleans()) else [])]:
        slot = next(slot for slot in SLOTS.values() if (slot.direction, slot.exclusive) == (direction, exclusive))
        peers = st.sampled_from([*HOSTS[:2], *(f'@{name}' for name in groups)])
        chosen = draw(st.lists(st.tuples(peers, st.sampled_from(PORTS)), max_size=6, unique=True))
        rules = tuple(RichRule('ipv4', peer, 'port', port, 'tcp') for peer, port in chosen)
        policies[slot.name] = PolicyDocument(direction, slot.target, slot.priority, rules, {}, {})
    return Documents(policies, groups)


class Firewalld:
    """A running firewalld with the prepared policies and seven sets. `moments`: what was allowed after each call."""

    def __init__(self):
        self.rules: dict[str, list[str]] = {name: [] for name in SLOTS}
        self.active: dict[str, bool] = dict.fromkeys(SLOTS, False)
        self.sets: dict[str, tuple[str, ...]] = dict.fromkeys(SETS, ())
        self.labels: dict[str, str] = {}
        self.moments = [self.allowed()]

    def running(self) -> running.Running:
        return {
            name: running.RunningPolicy(
                tuple(self.rules[name]), self.active[name], slot.priority, slot.target, is_modified=False
            )
            for name, slot in SLOTS.items()
        }

    def allowed(self) -> set[tuple[str, str, str]]:
        """(direction, host, port): the first policy in force decides, without one the zones, which here allow all."""
        allowed: set[tuple[str, str, str]] = set()
        for direction in ('ingress', 'egress'):
            names = [slot.name for slot in SLOTS.values() if slot.direction == direction and self.active[slot.name]]
            if not names:
                allowed |= {entry for entry in ALL if entry[0] == direction}
                continue
            first = min(names, key=lambda name: SLOTS[name].priority)
            for rule in self.rules[first]:
                port = rule.split('port port="')[1].split('"')[0]
                kind, value = rule.split('source ' if direction == 'ingress' else 'destination ')[1].split('"')[:2]
                allowed |= {(direction, host, port) for host in (self.sets[value] if kind == 'ipset=' else [value])}
        return allowed

    def call(self, _interface, method, _signature, name, count, *entries, timeout):
        assert method == 'setEntries' and int(count) == len(entries) == len(set(entries))
        # not atomic: firewalld removes all entries, then adds the others
        for content in ((), entries):
            self.sets[name] = content
            self.moments.append(self.allowed())

    def set_dictionary(self, _interface, _method, name, changed):
        """Not atomic: firewalld first removes rules, then adds the others."""
        assert 'rich_rules' not in changed or 'ingress_zones' not in changed, 'one thing at a time'
        if 'rich_rules' in changed:
            new = changed['rich_rules']['data']
            for rules in ([rule for rule in self.rules[name] if rule in new], new):
                self.rules[name] = list(rules)
                self.moments.append(self.allowed())
        else:
            self.active[name] = bool(changed['ingress_zones']['data'] and changed['egress_zones']['data'])
            self.moments.append(self.allowed())

    def change(self, documents: Documents) -> hitless.Steps | None:
        """Change to DOCUMENTS, with `moments` of this change only; None if there are too few sets."""
        fitted = pool.fitted(documents, self.sets, running.used_sets(self.running()), self.labels)
        if fitted is None:
            return None
        steps = hitless.compute_steps(fitted, self.sets, self.running())
        assert steps is not None
        self.moments = [self.allowed()]
        with (
            mock.patch.object(hitless.bus, 'call', self.call),
            mock.patch.object(hitless.bus, 'set_dictionary', self.set_dictionary),
        ):
            hitless.execute(steps)
        self.labels = pool.labels(fitted)
        return steps


def expected(documents: Documents) -> set[tuple[str, str, str]]:
    directions = {document.direction for document in documents.policies.values()}
    allowed = {entry for entry in ALL if entry[0] not in directions}
    for document in documents.policies.values():
        for rule in document.rules:
            hosts = documents.sets[rule.set_name].entries if rule.set_name else [rule.peer]
            allowed |= {(document.direction, host, rule.value) for host in hosts}
    return allowed


@settings(max_examples=400, deadline=None)
@given(st.lists(wanted(), min_size=2, max_size=5))
def test_what_is_allowed_at_every_moment_is_between_the_old_and_the_new_state(states):
    firewalld = Firewalld()
    for documents in states:
        assert firewalld.change(documents) is not None, 'seven sets are enough for three groups'
        before, after = firewalld.moments[0], firewalld.moments[-1]
        assert after == expected(documents)
        for moment in firewalld.moments:
            assert moment <= before | after, 'something was allowed that neither state allows'
            assert before & after <= moment, 'something was denied that both states allow'
        again = firewalld.change(documents)
        assert again is not None and not again.any, 'a second run changes nothing'


@settings(max_examples=100, deadline=None)
@given(wanted(), wanted())
def test_a_rollback_fills_no_set(old, new):
    """What the rules used before the change is still there, so a rollback does not depend on the number of members."""
    firewalld = Firewalld()
    firewalld.change(old)
    firewalld.change(new)
    back = firewalld.change(old)
    assert back is not None and not back.fills
    assert firewalld.allowed() == expected(old)


def test_too_few_idle_sets_too_many_members_and_too_many_rules_need_a_reload():
    members = tuple(f'10.{number // 256}.{number % 256}.0/28' for number in range(65536))
    rule = RichRule('ipv4', '@a/ipv4', 'port', '443', 'tcp')
    documents = Documents(
        {'portmatrix-in': PolicyDocument('ingress', 'DROP', -100, (rule,), {}, {})},
        {'a/ipv4': SetDocument('ipv4', 'a', members)},
    )
    loaded = {SETS[0]: (), SETS[1]: ('192.0.2.1',)}
    assert pool.fitted(documents, loaded, used=set(loaded), labels={}) is None
    fitted = pool.fitted(documents, loaded, used={SETS[1]}, labels={})
    assert fitted is not None and fitted.sets[SETS[0]].entries == members
    assert hitless.compute_steps(fitted, loaded, Firewalld().running()) is None
    addresses = (f'10.0.{number // 256}.{number % 256}' for number in range(20000))
    rules = tuple(RichRule('ipv4', address, 'port', '443', 'tcp') for address in addresses)
    many = PREPARED._replace(
        policies={**PREPARED.policies, 'portmatrix-in': documents.policies['portmatrix-in']._replace(rules=rules)}
    )
    assert hitless.compute_steps(many, loaded, Firewalld().running()) is None


@pytest.mark.parametrize(
    'policies, sets, expected',
    [
        (PREPARED.policies, PREPARED.sets, True),
        (PREPARED.policies, {**PREPARED.sets, 'portmatrix-6-1000': SetDocument('ipv6', '', ())}, True),
        (PREPARED.policies, {'portmatrix-0123456789-4': SetDocument('ipv4', 'a', ())}, False),
        ({'portmatrix-in': PREPARED.policies['portmatrix-in']}, PREPARED.sets, False),
        ({}, {}, False),
    ],
    ids=['prepared', 'a large pool', 'sets of an earlier version', 'policies of an earlier version', 'nothing'],
)
def test_only_complete_objects_of_this_version_can_change_without_a_reload(policies, sets, expected):
    assert pool.is_in_use(Documents(policies, sets)) is expected


def test_a_file_of_a_set_that_is_missing_needs_a_reload():
    rule = RichRule('ipv4', '@portmatrix-4-009', 'port', '443', 'tcp')
    used = PREPARED.policies['portmatrix-in']._replace(rules=(rule,), active=True)
    assert not pool.is_in_use(Documents({**PREPARED.policies, 'portmatrix-in': used}, PREPARED.sets))
