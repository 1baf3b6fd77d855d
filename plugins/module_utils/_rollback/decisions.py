# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirm a pending change or roll it back. Only one of the two can happen, and once begun, it is completed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from .._backends.base import Backend
from .._base.locks import Busy
from .dependencies import Dependencies
from .outcomes import CONFIRMED, ERROR, NOTHING, REFUSED, ROLLED_BACK, Outcome
from .store import MARK_ARMED, MARK_CONFIRMED, MARK_ROLLING_BACK, PendingChange

ATTEMPTS, PAUSE_SECONDS = 6, 5
LOCK_SECONDS = 10  # for a run that is still at work when its time is over
MAX_CONNECTIONS = 5  # in a message
_SAME_CONNECTION = 'the confirmation used the connection that applied the change, which proves nothing'


def confirm(token: str, dependencies: Dependencies) -> Outcome:
    """Keep the change TOKEN: this call proves that a new management connection works."""
    store = dependencies.store
    with dependencies.lock(LOCK_SECONDS):
        change = store.read()
        if change is None or change.token != token:
            return store.outcome(token) or {'outcome': ROLLED_BACK, 'reason': 'it is no longer pending'}
        connection = dependencies.management.current_connection()
        if connection and connection == change.applied_over:
            return {'outcome': REFUSED, 'reason': _SAME_CONNECTION}
        ending = _Ending(change, dependencies, is_locked=True)
        with ending.backend.lock():
            outcome = ending.confirm()
            runs = ending.backend.concurrent_runs()
    if outcome['outcome'] == CONFIRMED:
        outcome = {**outcome, 'settled': ending.backend.wait_until_stable(runs)}
    return outcome


def end_pending_change(reason: str, dependencies: Dependencies, boot: bool = False, is_locked: bool = False) -> Outcome:
    """End the pending change: complete it if it is confirmed, otherwise roll it back for REASON.

    BOOT: the host is booting. IS_LOCKED: the caller holds the locks.
    """
    change = dependencies.store.read()
    if change is None:
        dependencies.store.remove()
        dependencies.timer.disarm()
        return {'outcome': NOTHING}
    ending = _Ending(change, dependencies, boot, is_locked)
    is_rollback = ending.claim_rollback()
    with contextlib.ExitStack() as stack:
        if not is_locked:
            _try_to_lock(stack, change, dependencies)
        current = dependencies.store.read()
        if current is None or current.token != change.token:
            return dependencies.store.outcome(change.token) or {'outcome': NOTHING}
        return ending.finish(is_rollback, reason)


class _Ending:
    """The end of one pending change, by one process."""

    def __init__(
        self, change: PendingChange, dependencies: Dependencies, boot: bool = False, is_locked: bool = False
    ) -> None:
        self.change, self.boot, self.is_locked = change, boot, is_locked
        self.store, self.timer, self.pause = dependencies.store, dependencies.timer, dependencies.pause
        self.backend: Backend = dependencies.create_backend(change.backend)

    def confirm(self) -> Outcome:
        """Keep the change, or roll it back if something is wrong with it."""
        change, store = self.change, self.store
        problem = self.backend.external_change(change.snapshot, change.desired) or self._dropped_connections()
        if problem:
            return self._roll_back(problem)
        if not store.decide(MARK_CONFIRMED):
            if store.decision() != MARK_ARMED:
                return {'outcome': ROLLED_BACK, 'reason': 'its time was over'}
            return self._roll_back('it could not be kept: the mark "confirmed" cannot be written')
        try:
            self.backend.persist(change.desired)
        except Exception as error:  # a full disk, files that cannot be written
            store.revoke()
            return self._roll_back(f'it could not be kept: {error}')
        return self._close(CONFIRMED, '')

    def claim_rollback(self) -> bool:
        """Decide for a rollback. Only a confirmation prevents it; a mark that cannot be written does not."""
        return self.store.decide(MARK_ROLLING_BACK) or self.store.decision() != MARK_CONFIRMED

    def finish(self, is_rollback: bool, reason: str) -> Outcome:
        """Restore or persist. Tries again if it fails, since a full disk or a held lock may be temporary."""
        problem = ''
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._restore_or_persist(is_rollback)
                break
            except Exception as error:
                print(f'attempt {attempt} failed: {error}', file=sys.stderr, flush=True)
                problem = str(error)
            if attempt < ATTEMPTS:
                self.pause(PAUSE_SECONDS)
        else:
            return self._failed(is_rollback, problem)
        return self._close(ROLLED_BACK if is_rollback else CONFIRMED, reason)

    def _failed(self, is_rollback: bool, problem: str) -> Outcome:
        what = 'the former rules could not be restored' if is_rollback else 'the confirmed change could not be kept'
        outcome = {'token': self.change.token, 'outcome': ERROR, 'reason': f'{what}: {problem}'}
        self.store.write_outcome(outcome)
        return outcome

    def _roll_back(self, reason: str) -> Outcome:
        return self.finish(self.claim_rollback(), reason)

    def _restore_or_persist(self, is_rollback: bool) -> None:
        change = self.change
        if not is_rollback:
            self.backend.persist(change.desired, boot=self.boot)
            return
        with contextlib.nullcontext() if self.is_locked else self.backend.lock():
            self.backend.restore(change.snapshot, change.desired, boot=self.boot)

    def _dropped_connections(self) -> str:
        """Which documented connections were established before and are denied now, "" if none."""
        connections = self.change.connections
        allowed = self.backend.allowed_now(self.change.desired, connections) if connections else []
        dropped = [connection for connection in connections if connection not in allowed]
        if not dropped:
            return ''
        texts = '; '.join(connection.display() for connection in dropped[:MAX_CONNECTIONS])
        more = ' and others' if len(dropped) > MAX_CONNECTIONS else ''
        return f'connections that worked before are denied now: {texts}{more}'

    def _close(self, result: str, reason: str) -> Outcome:
        """Disarm the timer, store the outcome and remove the pending change."""
        self.timer.disarm()
        outcome = {'token': self.change.token, 'outcome': result, 'reason': reason, 'settled': True}
        self.store.write_outcome(outcome)
        self.store.remove()
        return outcome


def _try_to_lock(stack: contextlib.ExitStack, change: PendingChange, dependencies: Dependencies) -> None:
    """Take the lock; kill the process that applied the change if it holds it for longer than LOCK_SECONDS.

    After two attempts go on without the lock: a rollback must not wait for ever.
    """
    for _attempt in range(2):
        try:
            stack.enter_context(dependencies.lock(LOCK_SECONDS))
            return
        except Busy:
            if change.applier.is_alive():
                os.kill(change.applier.pid, signal.SIGKILL)
