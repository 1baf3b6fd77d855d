"""An error, or the death of a process, at every step of a change: the host ends with its former rules or with the new
ones, and a rollback is possible as long as the rules in force are not those of the next boot. On a host in memory;
tests/integration does the same on real ones.
"""

from __future__ import annotations

import contextlib
import json

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import BackendError, Refused, RolledBack
from ansible_collections.portmatrix.firewall.plugins.module_utils._converge import run
from ansible_collections.portmatrix.firewall.plugins.module_utils._converge.request import Request
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback import program
from fake_backend import FakeBackend
from fake_host import DEATH, ERROR, Host, Killed

OLD = frozenset({'management', 'p/old', 'p/both'})
NEW = frozenset({'management', 'p/new', 'p/both'})
SECONDS = 30


def policy(rules: frozenset[str]) -> policies.Policy | None:
    """The policy with these flows; the guard adds `management`. None for no rules."""
    if not rules:
        return None
    rule = {'direction': 'ingress', 'protocol': 'tcp', 'ports': ['443'], 'group': None}
    document = {
        'format': 1,
        'egress': 'allow',
        'exclusive': False,
        'management': {'sources': ['any'], 'ports': []},
        'groups': {},
        'rules': [{**rule, 'flows': [flow]} for flow in sorted(rules - {'management'})],
        'citations': {},
    }
    return policies.parse(json.dumps(document))


def converge(host: Host, new: frozenset[str], timeout: int = SECONDS, fault=None, check: bool = False) -> dict:
    request = Request('enforced', check=check, confirm_timeout=timeout)
    dependencies = host.new_process(fault)
    return run.converge(FakeBackend(host), policy(new), request, dependencies)


def count_steps(old: frozenset[str], new: frozenset[str], timeout: int) -> int:
    host = Host(old)
    converge(host, new, timeout)
    return len(host.steps)


def is_whole(host: Host, *states: frozenset[str]) -> bool:
    """Whether the host has the rules of one of STATES, in force and at boot, and was never without a rollback."""
    assert host.violations == []
    return host.running == host.files and host.running in states and host.change is None and host.armed_token is None


TRANSITIONS = [
    pytest.param(old, new, id=f'{sorted(old)} to {sorted(new)}')
    for old, new in ((frozenset(), NEW), (OLD, NEW), (OLD, frozenset()))
]


@pytest.mark.parametrize(('old', 'new'), TRANSITIONS)
def test_a_confirmed_change_is_kept_and_a_second_run_changes_nothing(old, new):
    host = Host(old)
    result = converge(host, new)
    assert result['changed'] and host.running == new and host.files == old
    assert host.confirm(result['pending']['token'])['outcome'] == 'confirmed'
    assert is_whole(host, new)
    assert converge(host, new)['changed'] is False and is_whole(host, new)


@pytest.mark.parametrize(('old', 'new'), TRANSITIONS)
def test_check_mode_predicts_the_change_and_makes_none(old, new):
    host = Host(old)
    predicted = converge(host, new, check=True)
    assert is_whole(host, old)
    result = converge(host, new)
    assert {key: result[key] for key in predicted} == predicted


@pytest.mark.parametrize('end', ['its window is over', 'the host reboots'])
@pytest.mark.parametrize(('old', 'new'), TRANSITIONS)
def test_a_change_that_is_not_confirmed_is_rolled_back(old, new, end):
    host = Host(old)
    token = converge(host, new)['pending']['token']
    outcome = host.fire_timer() if end == 'its window is over' else host.reboot()
    assert outcome['outcome'] == 'rolled back' and is_whole(host, old)
    assert host.confirm(token)['outcome'] == 'rolled back', 'a late confirmation returns how it ended'


@pytest.mark.parametrize('fault', [ERROR, DEATH])
@pytest.mark.parametrize(('old', 'new'), TRANSITIONS)
def test_a_fault_at_every_step_of_a_run(old, new, fault):
    for number in range(1, count_steps(old, new, SECONDS) + 1):
        host = Host(old)
        error = None
        try:
            converge(host, new, fault=(number, fault))
        except (BackendError, Killed) as raised:
            error = raised
        assert host.can_roll_back()
        if isinstance(error, RolledBack):
            assert is_whole(host, old), number
        failed = host.steps[number - 1]
        if fault == ERROR and failed not in ('remove', 'disarm'):
            assert host.armed_token is None and host.prepared is None, f'{failed} leaves something behind'
        if host.armed_token:
            host.fire_timer()
        assert error is not None and is_whole(host, old), f'{number}: {host.steps}'
        # nothing that is left prevents the next run
        assert host.confirm(converge(host, new)['pending']['token'])['outcome'] == 'confirmed' and is_whole(host, new)


def end_change(host: Host, token: str, how: str) -> None:
    if how == 'a second attempt':
        host.confirm(token)
    elif how == 'a reboot':
        host.reboot()
    else:
        host.fire_timer()


@pytest.mark.parametrize('then', ['the timer', 'a second attempt', 'a reboot'])
@pytest.mark.parametrize('fault', [ERROR, DEATH])
@pytest.mark.parametrize(('old', 'new'), TRANSITIONS)
def test_a_fault_at_every_step_of_a_confirmation(old, new, fault, then):
    for number in range(1, 30):
        host = Host(old)
        token = converge(host, new)['pending']['token']
        decided = ''
        with contextlib.suppress(BackendError, Killed):
            decided = host.confirm(token, (number, fault))['outcome']
        was_last = len(host.steps) < number
        if host.armed_token or host.change:
            end_change(host, token, then)
        if host.armed_token:
            host.fire_timer()
        assert is_whole(host, old, new), f'{number}: {host.steps}'
        if decided == 'confirmed':
            assert is_whole(host, new), 'once confirmed, a change is never rolled back'
        if decided == 'rolled back':
            assert is_whole(host, old)
        if was_last:
            return
    raise AssertionError('the confirmation never ended')


@pytest.mark.parametrize('fault', [ERROR, DEATH])
@pytest.mark.parametrize(('old', 'new'), TRANSITIONS)
def test_a_fault_at_every_step_of_a_rollback(old, new, fault):
    for number in range(1, 40):
        host = Host(old)
        converge(host, new)
        with contextlib.suppress(BackendError, Killed):
            host.fire_timer((number, fault))
        was_last = len(host.steps) < number
        if host.armed_token or host.change:
            host.fire_timer()  # systemd starts it again
        assert is_whole(host, old), f'{number}: {host.steps}'
        if was_last:
            return
    raise AssertionError('the rollback never ended')


def test_only_what_failed_is_tried_again():
    """Rules that are restored already are not restored again because the timer cannot be disarmed."""
    host = Host(OLD)
    converge(host, NEW)
    host.fire_timer()
    disarming = host.steps.index('disarm') + 1
    host = Host(OLD)
    converge(host, NEW)
    with pytest.raises(BackendError):
        host.fire_timer((disarming, ERROR))
    assert host.running == host.files == OLD and host.steps.count('disarm') == 1
    assert not host.outcomes, 'it is not said that the former rules could not be restored'
    host.fire_timer()  # systemd starts it again
    assert is_whole(host, OLD)


@pytest.mark.parametrize(('old', 'new'), TRANSITIONS)
def test_an_error_at_every_step_of_an_unconfirmed_run(old, new):
    for number in range(1, count_steps(old, new, 0) + 1):
        host = Host(old)
        with pytest.raises(BackendError) as raised:
            converge(host, new, timeout=0, fault=(number, ERROR))
        host.violations.clear()  # without a confirm_timeout, the host does not roll back by itself
        assert is_whole(host, old), f'{number}: {host.steps}'
        assert isinstance(raised.value, RolledBack) is (
            'load' in host.steps[number - 1] or 'write' in host.steps[number - 1]
        )


def test_a_change_that_cannot_be_kept_is_rolled_back():
    host = Host(OLD)
    token = converge(host, NEW)['pending']['token']
    host.is_read_only = True
    outcome = host.confirm(token)
    assert outcome['outcome'] == 'rolled back' and 'it could not be kept' in outcome['reason']
    assert is_whole(host, OLD)


def test_the_timer_of_an_earlier_change_leaves_the_pending_one_alone():
    host = Host(OLD)
    token = converge(host, NEW)['pending']['token']
    assert program.execute(['rollback', 'earlier'], host.new_process())['outcome'] == 'nothing'
    assert host.running == NEW and host.confirm(token)['outcome'] == 'confirmed'


def test_a_lock_out_is_refused_before_anything_changes(monkeypatch):
    host = Host(OLD)
    monkeypatch.setattr(policies, 'guard', lambda policy, ports: ())
    with pytest.raises(Refused, match='would lock out the management connection from 192.0.2.1 to port 22'):
        converge(host, NEW)
    assert is_whole(host, OLD) and set(host.steps) <= {'lock', 'lock the firewall', 'observe'}


def test_a_confirmation_over_the_connection_that_applied_the_change_proves_nothing():
    host = Host(OLD)
    token = converge(host, NEW)['pending']['token']
    host.connection = host.connection._replace(other_port=host.connection.other_port - 1)
    assert host.confirm(token)['outcome'] == 'refused'
    assert host.confirm(token)['outcome'] == 'confirmed' and is_whole(host, NEW)


def test_a_change_is_not_confirmed_if_another_program_has_changed_the_rules():
    host = Host(OLD)
    token = converge(host, NEW)['pending']['token']
    host.running = host.running | {'p/unmanaged'}
    outcome = host.confirm(token)
    assert outcome['outcome'] == 'rolled back' and 'another program changed the rules' in outcome['reason']
    assert is_whole(host, OLD)
