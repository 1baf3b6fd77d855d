# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one Linux host to its policy with one back end: observe, plan, guard, arm, apply; then keep it, or leave it to its confirmation."""

from __future__ import annotations

import contextlib
import os
import secrets
import typing as t

from ._backends import registry
from ._base import locks
from ._base.errors import BackendError, Refused, RolledBack
from ._host import containers, established_connections, management
from ._model import policy
from ._rollback import program, store, timer

MOST_ATTEMPTS = 3
NOTHING = {'digest': '', 'transition': 'none', 'added': 0, 'removed': 0, 'kept': 0}


def run(
    state: str,
    backend_name: str,
    document: t.Optional[str],
    check: bool,
    confirm_timeout: int = 0,
    confirm_flows: bool = False,
) -> t.Dict[str, t.Any]:
    """The result of the module for STATE (enforced, absent, gathered). DOCUMENT is the policy's JSON, needed for enforced; CHECK changes nothing.

    With a CONFIRM_TIMEOUT (seconds), a change is in force but not kept when this returns: the result names it as `pending`, and the host rolls it back
    unless `COMMAND confirm TOKEN` of `pending` is called by a new connection in that time. With CONFIRM_FLOWS, documented connections that stood before
    have to pass, too.
    """
    if os.geteuid():
        raise Refused('this needs root on the host; set become: true')
    if state == 'absent' and backend_name == 'auto':
        return _absent_everywhere(check, confirm_timeout)
    backend = registry.choose(backend_name)
    if state == 'gathered':
        return {'changed': False, 'gathered': backend.gathered(backend.observe()) if backend.installed() else None}
    if state == 'absent':
        return _absent(backend, check, confirm_timeout)
    return _converge(backend, policy.parse(t.cast(str, document)), check, confirm_timeout, confirm_flows)


def _absent(backend: t.Any, check: bool, confirm_timeout: int) -> t.Dict[str, t.Any]:
    return (
        _converge(backend, None, check, confirm_timeout)
        if backend.installed()
        else {'changed': False, 'backend': backend.name, **NOTHING}
    )


def _absent_everywhere(check: bool, confirm_timeout: int) -> t.Dict[str, t.Any]:
    """Whatever is active now, ours goes from wherever it is. One change can wait for its confirmation: that of the firewall that is in force, which
    goes last; what an inactive one has is kept at once, as no connection depends on it."""
    found = sorted((backend() for backend in registry.having_ours()), key=lambda backend: backend.active())
    return _together([_absent(backend, check, confirm_timeout if backend is found[-1] else 0) for backend in found])


def _together(results: t.List[t.Dict[str, t.Any]]) -> t.Dict[str, t.Any]:
    """One result for all back ends."""
    if len(results) == 1:
        return results[0]
    return {
        **NOTHING,
        'changed': any(result['changed'] for result in results),
        'backend': ', '.join(result['backend'] for result in results),
        'diff': [result['diff'] for result in results],
        'warnings': [text for result in results for text in result['warnings']],
        **{key: sum(result[key] for result in results) for key in ('added', 'removed', 'kept')},
        'transition': next((result['transition'] for result in results if result['transition'] != 'none'), 'none'),
        **next(({'pending': result['pending']} for result in results if 'pending' in result), {}),
    }


def _converge(
    backend: t.Any, wanted: t.Optional[policy.Policy], check: bool, confirm_timeout: int, confirm_flows: bool = False
) -> t.Dict[str, t.Any]:
    """Converge to WANTED; None is a host without anything of ours."""
    if check:
        changes = _plan(backend, backend.observe(), wanted)
        return _result(backend, wanted, changes, changes.runtime, _neighbours(wanted))
    with _alone():
        # as they are before a change, which some of them react to for a while
        neighbours = _neighbours(wanted)
        first, runtime, pending, watched = _apply(backend, wanted, confirm_timeout, confirm_flows)
        if pending or not first.any:
            return {**_result(backend, wanted, first, runtime, neighbours), **pending}
        for _attempt in range(MOST_ATTEMPTS):
            # somebody else may have written over what we wrote: then ours is put in again, beside theirs
            if backend.settled(watched):
                return _result(backend, wanted, first, runtime, neighbours)
            again, _runtime, _pending, watched = _apply(backend, wanted, 0)
            if not again.any:
                return _result(backend, wanted, first, runtime, neighbours)
    raise BackendError(f'another program keeps changing the rules of {backend.name}; let it finish, then run again')


def _neighbours(wanted: t.Optional[policy.Policy]) -> t.Tuple[str, ...]:
    return containers.warnings() if wanted else ()


@contextlib.contextmanager
def _alone() -> t.Iterator[None]:
    """No other run of ours is at work, and none waits for its confirmation."""
    while True:
        store.wait()
        with locks.hold():
            if not os.path.isdir(store.PENDING):
                yield
                return


class Applied(t.NamedTuple):
    """What was planned, how the runtime got there, `pending` where it waits for its confirmation, and whom to watch."""

    changes: t.Any
    runtime: str
    pending: t.Dict[str, t.Any]
    watched: t.Iterable[int]


def _apply(
    backend: t.Any, wanted: t.Optional[policy.Policy], confirm_timeout: int, confirm_flows: bool = False
) -> Applied:
    with backend.locked():
        observed = backend.observe()
        changes = _plan(backend, observed, wanted)
        if not changes.any:
            return Applied(changes, changes.runtime, {}, ())
        before, after = backend.snapshot(observed, changes), backend.outcome(changes)
        # documented is what the policy admits; a host that is to be without one documents nothing
        flows = (
            established_connections.standing(policy.reach_of(wanted, ()))
            if wanted and confirm_flows and confirm_timeout
            else []
        )
        pending = _arm(backend, before, after, confirm_timeout, flows) if confirm_timeout else {}
        try:
            runtime = backend.apply(observed, changes)
            if confirm_timeout:
                store.applied()
            else:
                backend.persist(after)
        except Exception as error:  # whatever it is, the host must not stay in between
            if not pending or store.decided() == store.ARMED:
                raise _go_back(backend, before, after, bool(pending), error) from error
        if pending and store.decided() != store.ARMED:
            raise RolledBack(
                f'applying took longer than confirm_timeout ({confirm_timeout} s), so the host went back to its former rules; give it more time'
            )
        return Applied(changes, runtime, pending, backend.watch())


def _arm(
    backend: t.Any,
    before: t.Dict[str, t.Any],
    after: t.Dict[str, t.Any],
    confirm_timeout: int,
    flows: t.List[established_connections.Flow],
) -> t.Dict[str, t.Any]:
    """From here on the host goes back by itself. Raises BackendError, with nothing changed, where that cannot be made sure."""
    token, connection = secrets.token_hex(8), management.observed()
    where = [connection.peer, connection.peer_port] if connection else None
    try:
        store.prepare(
            store.Pending(
                token,
                backend.name,
                confirm_timeout,
                store.process(os.getpid()),
                where,
                [list(flow) for flow in flows],
                before,
                after,
            )
        )
        timer.check(store.trial(token))
        # the timer first: a change that waits without one would wait for ever, while a timer without a change does nothing
        timer.arm(confirm_timeout, token)
        store.commit(token)
    except (OSError, BackendError) as error:
        store.remove()
        timer.disarm()
        raise BackendError(f'the way back could not be prepared, so nothing was changed: {error}') from error
    return {'pending': {'token': token, 'command': ' '.join(store.command()), 'outcome': store.OUTCOME}}


def _go_back(
    backend: t.Any, before: t.Dict[str, t.Any], after: t.Dict[str, t.Any], armed: bool, why: Exception
) -> BackendError:
    """Bring the former rules back; WHY, and what came of it."""
    try:
        if armed:
            answer = program.rollback('applying it failed', held=True)
            if answer['outcome'] == 'error':
                raise BackendError(answer['reason'])
        else:
            backend.restore(before, after)
    except Exception as error:
        return BackendError(f'{why}; and the former rules could not be brought back: {error}; look at the host now')
    return RolledBack(f'{why}; the host has its former rules back')


def _result(
    backend: t.Any, wanted: t.Optional[policy.Policy], changes: t.Any, runtime: str, neighbours: t.Tuple[str, ...]
) -> t.Dict[str, t.Any]:
    return {
        'changed': changes.any,
        'diff': changes.diff,
        'backend': backend.name,
        'digest': wanted.digest if wanted else '',
        'warnings': [*changes.warnings, *neighbours],
        'transition': runtime,
        **changes.counts,
    }


def _plan(backend: t.Any, observed: t.Any, wanted: t.Optional[policy.Policy]) -> t.Any:
    """The changes to WANTED. Raises Refused where they would keep no way in open, or would not let the connection pass that we run in."""
    connection = management.observed()
    if wanted is None:
        changes = backend.plan(observed, None, ())
        if changes.any and connection and not backend.admits(changes, connection):
            raise Refused(
                f'without our rules, {backend.name} would not let in the management connection from {connection.peer} to port {connection.port}; '
                'allow it there first. Nothing was changed'
            )
        return changes
    ports = {*management.ports(connection), *wanted.management_ports}
    if not ports:
        raise Refused(
            'no way in was found on this host (no SSH connection, no sshd that listens), so nothing would be kept open for management; '
            'name its ports in portmatrix_management_ports. Nothing was changed'
        )
    changes = backend.plan(observed, wanted, policy.guard(wanted, ports))
    if connection and not backend.admits(changes, connection):
        raise Refused(
            f'the new rules would lock out the management connection from {connection.peer} to port {connection.port}; '
            f'add {connection.peer} to portmatrix_management_sources{backend.lockout_advice}. Nothing was changed'
        )
    return changes
