# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one Linux host to its policy with one back end: observe, plan, guard, apply."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import typing as t

from . import backends, management, policy
from .errors import BackendError, Refused

LOCK, LOCK_SECONDS = '/run/portmatrix.lock', 60
MOST_ATTEMPTS = 3
NOTHING = {'digest': '', 'transition': 'none', 'added': 0, 'removed': 0, 'kept': 0}


def run(state: str, backend_name: str, document: t.Optional[str], check: bool) -> t.Dict[str, t.Any]:
    """The result of the module for STATE (enforced, absent, gathered). DOCUMENT is the policy's JSON, needed for enforced; CHECK changes nothing."""
    if os.geteuid():
        raise Refused('this needs root on the host; set become: true')
    if state == 'absent' and backend_name == 'auto':
        # whatever is active now, ours goes from wherever it is
        return _together([_absent(backend(), check) for backend in backends.having_ours()])
    backend = backends.choose(backend_name)
    if state == 'gathered':
        return {'changed': False, 'gathered': backend.gathered(backend.observe()) if backend.installed() else None}
    if state == 'absent':
        return _absent(backend, check)
    return _converge(backend, policy.parse(t.cast(str, document)), check)


def _absent(backend: t.Any, check: bool) -> t.Dict[str, t.Any]:
    return _converge(backend, None, check) if backend.installed() else {'changed': False, 'backend': backend.name, **NOTHING}


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
    }


def _converge(backend: t.Any, wanted: t.Optional[policy.Policy], check: bool) -> t.Dict[str, t.Any]:
    """Converge to WANTED; None is a host without anything of ours."""
    if check:
        changes = _plan(backend, backend.observe(), wanted)
        return _result(backend, wanted, changes, changes.runtime)
    with _lock():
        first, runtime = _apply(backend, wanted)
        for _attempt in range(MOST_ATTEMPTS):
            # somebody else may have written over what we wrote: then ours is put in again, beside theirs
            if not first.any or backend.settled() or not _apply(backend, wanted)[0].any:
                return _result(backend, wanted, first, runtime)
    raise BackendError(f'another program keeps changing the rules of {backend.name}; let it finish, then run again')


def _apply(backend: t.Any, wanted: t.Optional[policy.Policy]) -> t.Tuple[t.Any, str]:
    with backend.locked():
        observed = backend.observe()
        changes = _plan(backend, observed, wanted)
        return changes, backend.apply(observed, changes) if changes.any else changes.runtime


def _result(backend: t.Any, wanted: t.Optional[policy.Policy], changes: t.Any, runtime: str) -> t.Dict[str, t.Any]:
    return {
        'changed': changes.any,
        'diff': changes.diff,
        'backend': backend.name,
        'digest': wanted.digest if wanted else '',
        'warnings': list(changes.warnings),
        'transition': runtime,
        **changes.counts,
    }


def _plan(backend: t.Any, observed: t.Any, wanted: t.Optional[policy.Policy]) -> t.Any:
    """The changes to WANTED. Raises Refused where they would keep no way in open, or would not let the connection pass that we run in."""
    if wanted is None:
        return backend.plan(observed, None, ())
    connection = management.observed()
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


@contextlib.contextmanager
def _lock() -> t.Iterator[None]:
    """One run at a time on a host."""
    deadline = time.monotonic() + LOCK_SECONDS
    with open(LOCK, 'w', encoding='ascii') as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise BackendError(f'another run has held {LOCK} for {LOCK_SECONDS} s; wait for it, then run again') from error
                time.sleep(0.2)
        yield
