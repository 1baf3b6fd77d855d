# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one Linux host to its policy with one back end: observe, guard, plan, apply."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import typing as t

from . import backends, management, policy
from .errors import BackendError, Refused

LOCK, LOCK_SECONDS = '/run/portmatrix.lock', 60


def run(state: str, backend_name: str, document: t.Optional[str], check: bool) -> t.Dict[str, t.Any]:
    """The result of the module for STATE (enforced, absent, gathered). DOCUMENT is the policy's JSON, needed for enforced; CHECK changes nothing."""
    if os.geteuid():
        raise Refused('this needs root on the host; set become: true')
    backend = backends.choose(backend_name)
    if state != 'enforced' and not backend.installed():
        nothing = {'backend': backend.name, 'digest': '', 'transition': 'none', 'added': 0, 'removed': 0, 'kept': 0}
        return {'changed': False, 'gathered': None} if state == 'gathered' else {'changed': False, **nothing}
    with contextlib.nullcontext() if check or state == 'gathered' else _lock():
        observed = backend.observe()
        if state == 'gathered':
            return {'changed': False, 'gathered': backend.gathered(observed)}
        wanted = policy.parse(document) if state == 'enforced' and document else None
        guard = _guard(backend, wanted) if wanted else ()
        changes = backend.plan(observed, wanted, guard)
        runtime = backend.apply(observed, changes) if changes.any and not check else changes.runtime
    return {
        'changed': changes.any,
        'diff': changes.diff,
        'backend': backend.name,
        'digest': wanted.digest if wanted else '',
        'warnings': list(changes.warnings),
        'transition': runtime,
        **changes.counts,
    }


def _guard(backend: t.Any, wanted: policy.Policy) -> t.Tuple[policy.Rule, ...]:
    """The rules of the management guard. Raises Refused where even they would not let the connection pass that we run in."""
    connection = management.observed()
    ports = {*management.ports(connection), *wanted.management_ports}
    if not ports:
        raise Refused(
            'no way in was found on this host (no SSH connection, no sshd that listens), so nothing would be kept open for management; '
            'name its ports in portmatrix_management_ports. Nothing was changed'
        )
    rules = policy.guard(wanted, ports)
    if connection and not management.admitted(backend.reach(wanted, rules), connection):
        raise Refused(
            f'the new rules would lock out the management connection from {connection.peer} to port {connection.port}; '
            f'add {connection.peer} to portmatrix_management_sources. Nothing was changed'
        )
    return rules


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
