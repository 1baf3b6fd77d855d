# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that lies on the host with a change that waits: `check`, `confirm TOKEN`, `rollback [TOKEN]`, `boot`. Prints one line of JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import typing as t

from .._backends import registry
from .._base.locks import Busy, hold
from .._host import established_connections, management
from . import store, timer

_ATTEMPTS, _PAUSE = 6, 5
_PATIENCE = 10  # seconds for a run that is still at work when its time is over


def main(arguments: t.List[str]) -> int:
    """0: done; 1: not confirmed, or the former rules could not be brought back."""
    os.umask(0o077)
    verb = arguments[0] if arguments else ''
    if verb == 'check':
        answer = {'outcome': 'nothing'}  # it runs, which is all there is to know
    elif verb == 'confirm':
        answer = confirm(arguments[1])
    elif verb == 'rollback' and len(arguments) > 1 and getattr(store.read(), 'token', '') != arguments[1]:
        answer = {'outcome': 'nothing'}  # the timer of another change
    elif verb in ('rollback', 'boot'):
        answer = rollback(
            'it was not confirmed in time' if verb == 'rollback' else 'the host started anew before it was confirmed',
            boot=verb == 'boot',
        )
    else:
        answer = {'outcome': 'error', 'reason': 'usage: program check | confirm TOKEN | rollback [TOKEN] | boot'}
    print(json.dumps(answer), flush=True)
    return int(answer['outcome'] not in ('confirmed', 'rolled back', 'nothing'))


def confirm(token: str) -> t.Dict[str, t.Any]:
    """Keep the change TOKEN: somebody came in by a new connection to say so."""
    with hold(_PATIENCE):
        pending = store.read()
        if pending is None or pending.token != token:
            return _last(token) or {'outcome': 'rolled back', 'reason': 'it does not wait any more'}
        same = management.observed()
        if same and pending.connection == [same.peer, same.peer_port]:
            return {
                'outcome': 'refused',
                'reason': 'the confirmation came over the connection that applied the change, which proves nothing',
            }
        backend = registry.BACKENDS[pending.backend]()
        with backend.locked():
            reason = backend.deviates(pending.before, pending.after) or _cut(backend, pending)
            if reason:
                return rollback(reason, held=True)
            if not store.decide(store.CONFIRMED):
                if store.decided() != store.ARMED:
                    return {'outcome': 'rolled back', 'reason': 'its time was over'}
                return rollback(f'it could not be kept: {store.PENDING} cannot be written', held=True)
            try:
                backend.persist(pending.after)
            except Exception as error:  # a full disk, files that may not be written
                store.revoke()
                return rollback(f'it could not be kept: {error}', held=True)
            watched: t.Iterable[int] = backend.watch()
        answer = _forget(pending, 'confirmed', '')
    return {**answer, 'settled': backend.settled(watched)}


def _cut(backend: t.Any, pending: store.Pending) -> t.Optional[str]:
    """Which documented connections stood before and would not pass any more, or None."""
    found = established_connections.cut(
        [established_connections.Flow(*flow) for flow in pending.flows],
        lambda connection: backend.lets_in(pending.after, connection),
    )
    return (
        f'connections that worked before do not pass any more: {"; ".join(found[:5])}{" and others" if len(found) > 5 else ""}'
        if found
        else None
    )


def _forget(pending: store.Pending, outcome: str, reason: str) -> t.Dict[str, t.Any]:
    timer.disarm()
    answer = {'token': pending.token, 'outcome': outcome, 'reason': reason, 'settled': True}
    store.forget(answer)
    return answer


def rollback(reason: str, boot: bool = False, held: bool = False) -> t.Dict[str, t.Any]:
    """Bring the host back to what it was. A change that is confirmed already is carried to its end instead."""
    pending = store.read()
    if pending is None:
        store.remove()
        timer.disarm()
        return {'outcome': 'nothing'}
    # only a confirmation stands against it; a mark that cannot be written does not
    won = store.decide(store.ROLLING_BACK) or store.decided() != store.CONFIRMED
    lock = None if held else _take_over(pending)
    try:
        answer = _finish(pending, won, reason, boot, held)
    finally:
        if lock:
            lock.__exit__(None, None, None)
    return answer


def _finish(pending: store.Pending, won: bool, reason: str, boot: bool, held: bool) -> t.Dict[str, t.Any]:
    if getattr(store.read(), 'token', '') != pending.token:
        return _last(pending.token) or {'outcome': 'nothing'}
    backend = registry.BACKENDS[pending.backend]()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            if not won:
                backend.persist(pending.after, boot)
            elif held:
                backend.restore(pending.before, pending.after, boot, store.is_applied())
            else:
                with backend.locked():
                    backend.restore(pending.before, pending.after, boot, store.is_applied())
            break
        except Exception as error:
            print(f'attempt {attempt} failed: {error}', file=sys.stderr, flush=True)
            if attempt == _ATTEMPTS:
                answer = {
                    'token': pending.token,
                    'outcome': 'error',
                    'reason': f'the former rules could not be brought back: {error}',
                }
                store.tell(answer)
                return answer
            time.sleep(_PAUSE)
    return _forget(pending, 'rolled back' if won else 'confirmed', reason)


def _take_over(pending: store.Pending) -> t.Any:
    """The lock; a run that holds it beyond its time is ended, as it may hang for ever."""
    for _attempt in range(2):
        lock = hold(_PATIENCE)
        try:
            lock.__enter__()
            return lock
        except Busy:
            if store.process(pending.applier[0]) == pending.applier:
                os.kill(pending.applier[0], signal.SIGKILL)
    return None


def _last(token: str) -> t.Optional[t.Dict[str, t.Any]]:
    """How the change TOKEN ended, if it was the last one and the host has not started anew."""
    try:
        with open(store.OUTCOME, encoding='utf-8') as file:
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return found if found.get('token') == token else None
