# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirm a pending change, or roll it back: exactly one of the two, whoever asks, and to its end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import typing as t

from .._backends.base import Backend
from .._base.locks import Busy
from .._host import established_connections
from .dependencies import Dependencies
from .outcomes import CONFIRMED, ERROR, NOTHING, REFUSED, ROLLED_BACK, Outcome
from .store import ARMED, CONFIRMED as MARK_CONFIRMED, ROLLING_BACK, PendingChange

ATTEMPTS, PAUSE_SECONDS = 6, 5
LOCK_SECONDS = 10  # for a run that is still at work when its time is over
MAX_CONNECTIONS = 5  # in a message


def confirm(token: str, dependencies: Dependencies) -> Outcome:
    """Keep the change TOKEN: this call proves that a new management connection works."""
    store = dependencies.store
    with dependencies.lock(LOCK_SECONDS):
        change = store.read()
        if change is None or change.token != token:
            return store.outcome(token) or {'outcome': ROLLED_BACK, 'reason': 'it is no longer pending'}
        connection = dependencies.management.current_connection()
        if connection and connection == change.applied_over:
            reason = 'the confirmation used the connection that applied the change, which proves nothing'
            return {'outcome': REFUSED, 'reason': reason}
        backend = dependencies.create_backend(change.backend)
        with backend.lock():
            reason_against = backend.deviation(change.before, change.after) or _dropped_connections(backend, change)
            if reason_against:
                return roll_back(reason_against, dependencies, is_locked=True)
            if not store.decide(MARK_CONFIRMED):
                if store.decision() != ARMED:
                    return {'outcome': ROLLED_BACK, 'reason': 'its time was over'}
                reason = 'it could not be kept: the mark "confirmed" cannot be written'
                return roll_back(reason, dependencies, is_locked=True)
            try:
                backend.persist(change.after)
            except Exception as error:  # a full disk, files that cannot be written
                store.revoke()
                return roll_back(f'it could not be kept: {error}', dependencies, is_locked=True)
            runs = backend.concurrent_runs()
        outcome = _complete(change, CONFIRMED, '', dependencies)
    return {**outcome, 'settled': backend.is_stable(runs)}


def roll_back(reason: str, dependencies: Dependencies, boot: bool = False, is_locked: bool = False) -> Outcome:
    """Return the host to its state before the pending change. One that is confirmed is completed instead.

    BOOT: the host is booting. IS_LOCKED: the caller holds the locks.
    """
    store = dependencies.store
    change = store.read()
    if change is None:
        store.remove()
        dependencies.timer.disarm()
        return {'outcome': NOTHING}
    # only a confirmation prevents it; a mark that cannot be written does not
    rolls_back = store.decide(ROLLING_BACK) or store.decision() != MARK_CONFIRMED
    with contextlib.ExitStack() as stack:
        if not is_locked:
            _lock(stack, change, dependencies)
        return _finish(change, rolls_back, reason, boot, is_locked, dependencies)


def _dropped_connections(backend: Backend, change: PendingChange) -> t.Optional[str]:
    """Which documented connections were established before and would be dropped now, or None."""
    dropped = established_connections.dropped(
        change.connections, lambda connection: backend.allows(change.after, connection)
    )
    if not dropped:
        return None
    texts = '; '.join(connection.display() for connection in dropped[:MAX_CONNECTIONS])
    more = ' and others' if len(dropped) > MAX_CONNECTIONS else ''
    return f'connections that worked before are denied now: {texts}{more}'


def _finish(
    change: PendingChange,
    rolls_back: bool,
    reason: str,
    boot: bool,
    is_locked: bool,
    dependencies: Dependencies,
) -> Outcome:
    """Restore or persist, several times if it fails; what prevents it may go away."""
    store = dependencies.store
    current = store.read()
    if current is None or current.token != change.token:
        return store.outcome(change.token) or {'outcome': NOTHING}
    backend = dependencies.create_backend(change.backend)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with contextlib.nullcontext() if is_locked or not rolls_back else backend.lock():
                if rolls_back:
                    backend.restore(change.before, change.after, boot=boot, was_applied=store.was_applied())
                else:
                    backend.persist(change.after, boot=boot)
            return _complete(change, ROLLED_BACK if rolls_back else CONFIRMED, reason, dependencies)
        except Exception as error:
            print(f'attempt {attempt} failed: {error}', file=sys.stderr, flush=True)
            problem = f'the former rules could not be restored: {error}'
        if attempt < ATTEMPTS:
            dependencies.pause(PAUSE_SECONDS)
    outcome = {'token': change.token, 'outcome': ERROR, 'reason': problem}
    store.write_outcome(outcome)
    return outcome


def _complete(change: PendingChange, result: str, reason: str, dependencies: Dependencies) -> Outcome:
    """Nothing is pending any more."""
    dependencies.timer.disarm()
    outcome = {'token': change.token, 'outcome': result, 'reason': reason, 'settled': True}
    dependencies.store.write_outcome(outcome)
    dependencies.store.remove()
    return outcome


def _lock(stack: contextlib.ExitStack, change: PendingChange, dependencies: Dependencies) -> None:
    """Take the lock; a run that keeps it beyond its time is killed, since it may hang for ever."""
    for _attempt in range(2):
        try:
            stack.enter_context(dependencies.lock(LOCK_SECONDS))
            return
        except Busy:
            if change.applier.is_alive():
                os.kill(change.applier.pid, signal.SIGKILL)
