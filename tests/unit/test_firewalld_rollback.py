"""What other programs have only in the running firewall survives every attempt of a change or a rollback: a reload
drops it, and may do so even if it fails."""

from __future__ import annotations

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import closing
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld.documents import EMPTY, build
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import BackendError
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY, Members
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.policy import GUARD, Rule
from fake_firewalld import FakeFirewalld
from firewalld_changes import START, apply, plan, policy

MORE_GROUPS = policy(
    [('ingress', f'g{n}', '80') for n in range(9)], {f'g{n}': ['192.0.2.1', '192.0.2.5'] for n in range(9)}
)


@pytest.fixture
def firewalld(monkeypatch):
    fake = FakeFirewalld()
    fake.install(monkeypatch)
    fake.others = ['a rule of others']
    return fake


def test_a_reload_keeps_what_others_have(firewalld):
    apply(START).confirm()
    assert firewalld.others == ['a rule of others'] and firewalld.reloads == 1 and not plan(START).has_changes


def test_a_second_attempt_restores_what_was_there_before_the_first(firewalld):
    """Also if the first was another process, and has not told anybody."""
    firewalld.is_restorable = False
    changes = plan(START)
    with pytest.raises(BackendError):
        changes.apply(changes.snapshot())
    assert firewalld.others == []
    firewalld.is_restorable = True
    apply(START).roll_back()
    assert firewalld.others == ['a rule of others'] and firewalld.files == {} == firewalld.policies


def test_a_rollback_keeps_what_others_added_during_the_window(firewalld):
    pending = apply(START)
    firewalld.others.append('added later')
    pending.roll_back()
    assert firewalld.others == ['a rule of others', 'added later']


def test_a_rollback_that_cannot_restore_it_says_so_until_it_can(firewalld):
    pending = apply(START)
    firewalld.is_restorable = False
    for _attempt in range(3):
        with pytest.raises(BackendError):
            pending.roll_back()
    firewalld.is_restorable = True
    pending.roll_back()
    assert firewalld.others == ['a rule of others']


def test_what_others_add_between_two_attempts_is_not_lost(firewalld):
    pending = apply(START)
    firewalld.is_restorable = False
    with pytest.raises(BackendError):
        pending.roll_back()
    firewalld.others.append('added between')
    with pytest.raises(BackendError):
        pending.roll_back()
    firewalld.is_restorable = True
    pending.roll_back()
    assert sorted(firewalld.others) == ['a rule of others', 'added between']


def test_the_next_run_restores_it_without_a_reload(firewalld):
    apply(START).confirm()
    pending = apply(MORE_GROUPS)
    assert pending.transition == 'reload'
    firewalld.is_restorable = False
    with pytest.raises(BackendError):
        pending.roll_back()
    firewalld.is_restorable = True
    reloads = firewalld.reloads
    changes = plan(START)
    assert (
        changes.transition == 'none'
        and changes.has_changes
        and 'was not restored after a reload' in changes.diff['before']
    )
    changes.apply(changes.snapshot())
    assert firewalld.others == ['a rule of others'] and not plan(START).has_changes
    assert firewalld.reloads == reloads


def test_a_closed_host_admits_management_from_where_the_guard_does():
    sources = Members(('198.51.100.0/24', '2001:db8::1/128'))
    guard = [
        Rule('ingress', 'tcp', ((22, 22), (2200, 2210)), GUARD, sources, (GUARD,)),
    ]
    rules = closing.rules(EMPTY, build(START, guard))
    assert [rule for rule in rules if 'dport' in rule and 'tcp' in rule] == [
        'ip saddr 198.51.100.0/24 tcp dport 22 accept',
        'ip saddr 198.51.100.0/24 tcp dport 2200-2210 accept',
        'ip6 saddr 2001:db8::1 tcp dport 22 accept',
        'ip6 saddr 2001:db8::1 tcp dport 2200-2210 accept',
    ]
    one_family = [Rule('ingress', 'tcp', ((22, 22),), GUARD, Members(('0.0.0.0/0',)), (GUARD,))]
    assert closing.rules(build(START, one_family), EMPTY)[-1] == 'meta nfproto ipv4 tcp dport 22 accept'
    anywhere = [Rule('ingress', 'tcp', ((22, 22),), GUARD, ANY, (GUARD,))]
    assert closing.rules(build(START, anywhere), EMPTY)[-1] == 'tcp dport 22 accept'
