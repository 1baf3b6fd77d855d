"""After its first application, firewalld is changed step by step, without a reload: at every moment, what is allowed is
allowed before or after the change, and what is allowed before and after is allowed. So are rollbacks."""

from __future__ import annotations

import time

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import config_files, hitless
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.documents import (
    Documents,
    PolicyDocument,
    RichRule,
    SetDocument,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from fake_firewalld import FakeFirewalld
from firewalld_changes import GROUPS, START, apply, expected, plan, policy
from hypothesis import given, settings, strategies as st

MEMBERS = [
    ['192.0.2.1', '192.0.2.2'],
    ['192.0.2.2', '192.0.2.3'],
    ['192.0.2.0/30', '2001:db8::1'],
    ['192.0.2.4', '192.0.2.5', '2001:db8::/126'],
    ['2001:db8::1', '2001:db8::2'],
    ['192.0.2.3'],
]


@st.composite
def random_policies(draw) -> policies.Policy:
    rule = st.tuples(
        st.sampled_from(['ingress', 'egress']),
        st.sampled_from([*GROUPS, *GROUPS, None]),
        st.sampled_from(['80', '443', '8443']),
    )
    return policy(
        draw(st.lists(rule, max_size=7, unique=True)),
        {name: draw(st.sampled_from(MEMBERS)) for name in GROUPS},
        egress=draw(st.sampled_from(['allow', 'deny'])),
        exclusive=draw(st.booleans()),
        log_denied=draw(st.booleans()),
    )


def started(monkeypatch: pytest.MonkeyPatch) -> FakeFirewalld:
    fake = FakeFirewalld()
    fake.install(monkeypatch)
    apply(START).confirm()
    return fake


def assert_between(fake: FakeFirewalld, before: frozenset, after: frozenset) -> None:
    for moment in fake.moments:
        assert moment <= before | after, 'something was allowed that neither state allows'
        assert before & after <= moment, 'something was denied that both states allow'
    fake.moments.clear()


@settings(max_examples=150, deadline=None)
@given(st.lists(random_policies(), min_size=2, max_size=5), st.booleans(), st.booleans())
def test_what_is_allowed_at_every_moment_is_between_the_old_and_the_new_state(wanted, is_slow, can_empty):
    with pytest.MonkeyPatch.context() as monkeypatch:
        fake = started(monkeypatch)
        fake.is_slow, fake.can_empty = is_slow, is_slow or can_empty
        monkeypatch.setattr(hitless, 'FILL_SECONDS', 60)
        monkeypatch.setattr(time, 'sleep', lambda seconds: None)
        for new in wanted:
            fake.moments.clear()
            before, predicted = fake.allowed(), plan(new)
            pending = apply(new)
            assert pending.transition == predicted.transition in ('none', 'hitless')
            pending.confirm()
            assert fake.allowed() == expected(new)
            assert_between(fake, before, fake.allowed())
            assert not plan(new).has_changes, 'a second run changes nothing'
            state = fake.state()
            fake.reload()
            assert fake.state() == state, 'the files are what is in force'
        assert fake.reloads == 1 + len(wanted), 'only those of this test, and the first application'


@settings(max_examples=150, deadline=None)
@given(random_policies(), random_policies(), st.booleans())
def test_a_rollback_is_the_same_in_reverse_and_ends_with_the_former_state(old, new, is_reloaded):
    with pytest.MonkeyPatch.context() as monkeypatch:
        fake = started(monkeypatch)
        apply(old).confirm()
        before, state = fake.allowed(), fake.state()
        pending = apply(new)
        after = fake.allowed()
        if is_reloaded:
            fake.reload()  # by another program
        fake.moments.clear()
        reloads = fake.reloads
        for _attempt in range(2):
            pending.roll_back()
            assert fake.state() == state
        assert_between(fake, before, after)
        assert fake.reloads == reloads


@settings(max_examples=100, deadline=None)
@given(random_policies(), random_policies(), st.integers(1, 9))
def test_a_call_that_fails_leads_to_a_reload_and_then_to_the_former_state(old, new, number):
    with pytest.MonkeyPatch.context() as monkeypatch:
        fake = started(monkeypatch)
        apply(old).confirm()
        state = fake.state()
        fake.fail_at = number
        pending = apply(new)
        assert fake.allowed() == expected(new)
        has_failed, fake.fail_at = fake.fail_at <= 0, 0
        assert pending.transition == 'reload' if has_failed else pending.transition in ('none', 'hitless')
        reloads = fake.reloads
        pending.roll_back()
        assert (fake.state(), fake.reloads) == (state, reloads)


def test_members_of_others_that_do_not_go_away_lead_to_a_reload(monkeypatch):
    """As after a fill that was still under way when the set was filled again."""
    fake = started(monkeypatch)
    monkeypatch.setattr(fake, '_set_members', lambda name, entries: fake.kernel_sets.update({name: ('192.0.2.9',)}))
    wanted = policy([('ingress', 'a', '80')], {'a': ['192.0.2.1', '192.0.2.2']})
    assert plan(wanted).transition == 'hitless' and apply(wanted).transition == 'reload'
    assert fake.allowed() == expected(wanted)


def test_a_rollback_fills_no_set(monkeypatch):
    """What the rules used is still there, so it does not depend on the number of members."""
    started(monkeypatch)
    pending = apply(policy([('ingress', 'a', '80')], {'a': ['192.0.2.1', '192.0.2.2', '2001:db8::/126']}))
    filled = []
    monkeypatch.setattr(
        hitless, 'execute', lambda steps, real=hitless.execute: filled.append(steps.fills) or real(steps)
    )
    pending.roll_back()
    *fills, idle = filled
    assert fills == [()] and {fill.entries for fill in idle} == {()}


def test_the_first_application_and_the_release_are_reloads_and_so_is_their_rollback(monkeypatch):
    fake = FakeFirewalld()
    fake.install(monkeypatch)
    before = fake.state()
    pending = apply(START)
    assert (pending.transition, fake.reloads) == ('reload', 1)
    assert not fake.files, 'the files are written when the change is confirmed'
    fake.moments.clear()
    pending.roll_back()
    assert (fake.state(), fake.reloads) == (before, 2)
    apply(START).confirm()
    hardened = fake.state()
    pending = apply(None)
    assert (pending.transition, fake.policies, fake.sets) == ('reload', {}, {})
    pending.roll_back()
    assert fake.state() == hardened
    apply(None).confirm()
    assert fake.state() == before and not plan(None).has_changes


@pytest.mark.parametrize('priority', [-100, -32000])
def test_the_objects_of_an_earlier_version_are_replaced_by_a_reload(monkeypatch, priority):
    fake = FakeFirewalld()
    fake.install(monkeypatch)
    rule = RichRule('ipv4', '@portmatrix-4123456789-4', 'port', '80', 'tcp')
    earlier = Documents(
        {'portmatrix-in': PolicyDocument('ingress', 'DROP', priority, (rule,), {}, {})},
        {'portmatrix-4123456789-4': SetDocument('ipv4', 'a', ('192.0.2.1', '192.0.2.2'))},
    )
    fake.files = config_files.render(earlier)
    fake.reload()
    state, before = fake.state(), fake.allowed()
    pending = apply(START)
    assert pending.transition == 'reload' and fake.allowed() == expected(START)
    after = fake.allowed()
    fake.moments.clear()
    pending.roll_back()
    assert fake.state() == state
    assert_between(fake, before, after)
