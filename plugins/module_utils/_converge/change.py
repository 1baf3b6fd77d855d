# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a change on a host: arm the rollback, apply, then keep it or leave it to its confirmation."""

from __future__ import annotations

import secrets
import typing as t

from .._backends.base import Backend, Changes, PlainData
from .._base.errors import BackendError, RolledBack
from .._host import established_connections
from .._model import policy as policies
from .._model.connection import Connection
from .._model.policy import Policy
from .._rollback import decisions
from .._rollback.dependencies import Dependencies
from .._rollback.outcomes import ERROR
from .._rollback.store import MARK_ARMED, PendingChange, Process
from . import planning
from .request import Request


class Applied(t.NamedTuple):
    """What was planned, and `warnings` beside those of the changes; the `transition` that was needed; how to confirm
    the `pending` change, empty if it is kept already; the process ids of `concurrent_runs` that may overwrite it."""

    changes: Changes
    warnings: t.List[str]
    transition: str
    pending: t.Dict[str, str]
    concurrent_runs: t.List[int]


def apply(
    backend: Backend,
    policy: t.Optional[Policy],
    dependencies: Dependencies,
    request: Request,
) -> Applied:
    """Bring the host to POLICY (None: remove what portmatrix manages), as the REQUEST says.

    With a confirm_timeout, the change is in force but not kept when this returns. Raises RolledBack if it failed and
    the host has its former rules again; BackendError if these could not be restored.
    """
    store = dependencies.store
    with backend.lock():
        changes, warnings = planning.plan(backend, backend.observe(), policy, dependencies.management)
        if not changes.has_changes:
            return Applied(changes, warnings, changes.transition, {}, [])
        snapshot, desired = changes.snapshot(), changes.desired()
        pending: t.Dict[str, str] = {}
        if request.confirm_timeout:
            connections = _documented_connections(backend, snapshot, policy) if request.confirm_connections else []
            pending = _arm(backend, snapshot, desired, connections, dependencies, request)
        try:
            transition = changes.apply(snapshot)
            if pending:
                store.mark_applied()
            else:
                backend.persist(desired)
        except Exception as error:  # whatever it is, the host must not stay in between
            if not pending or store.decision() == MARK_ARMED:
                raise _failure(backend, snapshot, desired, bool(pending), error, dependencies) from error
        if pending and store.decision() != MARK_ARMED:
            raise RolledBack(
                f'applying took longer than confirm_timeout ({request.confirm_timeout} s), so the host has its former '
                'rules back; set a longer one'
            )
        return Applied(changes, warnings, transition, pending, backend.concurrent_runs())


def _documented_connections(backend: Backend, snapshot: PlainData, policy: t.Optional[Policy]) -> t.List[Connection]:
    """The established connections that POLICY documents and the rules in SNAPSHOT allow; without a policy, none."""
    documented = established_connections.documented(policies.allowed_traffic(policy, ())) if policy else []
    return backend.allowed_before(snapshot, documented) if documented else []


def _arm(
    backend: Backend,
    snapshot: PlainData,
    desired: PlainData,
    connections: t.List[Connection],
    dependencies: Dependencies,
    request: Request,
) -> t.Dict[str, str]:
    """Make the host roll back by itself from here on. Raises BackendError, with nothing changed, if it could not."""
    token, seconds = request.token or secrets.token_hex(8), request.confirm_timeout
    store, timer = dependencies.store, dependencies.timer
    over = dependencies.management.current_connection()
    change = PendingChange(token, backend.name, seconds, Process.current(), over, connections, snapshot, desired)
    try:
        store.prepare(change)
        timer.rehearse(token)
        # the timer first: a pending change without one would wait for ever, a timer without a change does nothing
        timer.arm(seconds, token)
        store.commit(token)
    except (OSError, BackendError) as error:
        store.remove()
        timer.disarm()
        raise BackendError(f'the rollback could not be prepared, so nothing was changed: {error}') from error
    return store.reference(token)


def _failure(
    backend: Backend,
    snapshot: PlainData,
    desired: PlainData,
    is_armed: bool,
    cause: Exception,
    dependencies: Dependencies,
) -> BackendError:
    """Restore the former rules; the CAUSE, and whether that worked, as an error."""
    try:
        if is_armed:
            outcome = decisions.end_pending_change('applying it failed', dependencies, is_locked=True)
            if outcome['outcome'] == ERROR:
                raise BackendError(outcome['reason'])
        else:
            backend.restore(snapshot, desired)
    except Exception as error:
        return BackendError(f'{cause}; and the former rules could not be restored: {error}; check the host now')
    return RolledBack(f'{cause}; the host has its former rules back')
