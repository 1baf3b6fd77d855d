# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one Linux host to its policy with one back end, or report what portmatrix manages there."""

from __future__ import annotations

import contextlib
import os
import typing as t

from .._backends import registry
from .._backends.base import Backend, Changes
from .._base.errors import BackendError, Refused
from .._base.locks import SECONDS
from .._host import bridges, containers, interfaces, tracking
from .._model import policy as policies
from .._model.policy import Policy
from .._rollback import dependencies as dependencies_of
from .._rollback.dependencies import Dependencies
from . import planning
from .change import apply
from .request import UNCHANGED, Request, Result, combined

MAX_ATTEMPTS = 3


def run(request: Request) -> Result:
    """The result of the module for REQUEST on this host.

    With a confirm_timeout, a change is in force but not kept when this returns: the result names it as `pending`, and
    the host rolls it back unless `COMMAND confirm TOKEN` is called over a new connection in that time. `again`: nothing
    was changed yet, call it once more, over the same connection.

    Raises Refused with nothing changed; RolledBack if the host has its former rules again; another PortmatrixError if
    it is not known.
    """
    if os.geteuid():
        raise Refused('this module needs root on the host; set become: true')
    dependencies = dependencies_of.real()
    if request.state == 'absent' and request.backend == 'auto':
        return _remove_everywhere(request, dependencies)
    backend = registry.choose(request.backend)
    if request.state == 'gathered':
        gathered = backend.observe().gather() if backend.is_installed() else None
        return {'changed': False, 'gathered': gathered}
    if request.state == 'absent':
        return _remove(backend, request, dependencies)
    registry.require_only_active(backend)
    policy = bridges.admitted(policies.parse(request.document or ''))
    return converge(backend, policy, request, dependencies)


def _remove(backend: Backend, request: Request, dependencies: Dependencies) -> Result:
    if not backend.is_installed():
        return {**UNCHANGED, 'backend': backend.name}
    return converge(backend, None, request, dependencies)


def _remove_everywhere(request: Request, dependencies: Dependencies) -> Result:
    """Remove what portmatrix manages from all back ends, whichever is active now.

    Only one change can be pending: that to the active firewall, which is changed last. What an inactive one has is
    removed at once, since no connection depends on it.
    """
    backends = sorted((backend() for backend in registry.with_rules()), key=lambda backend: backend.is_active())
    results = []
    for backend in backends:
        timeout = request.confirm_timeout if backend is backends[-1] else 0
        results.append(_remove(backend, request._replace(confirm_timeout=timeout), dependencies))
    return combined(results)


def converge(backend: Backend, policy: t.Optional[Policy], request: Request, dependencies: Dependencies) -> Result:
    """Converge to POLICY; None is a host that portmatrix does not manage."""
    if request.check:
        changes, warnings = planning.plan(backend, backend.observe(), policy, dependencies.management)
        return _result(backend, policy, changes, changes.transition, [*warnings, *_container_warnings(policy)])
    with _exclusive_run(dependencies):
        starts_unknown = _starts_with_unknown_connections(backend, policy)
        if starts_unknown and not tracking.is_on():
            tracking.switch_on()
            return {**UNCHANGED, 'backend': backend.name, 'again': True}
        try:
            return _apply(backend, policy, request, dependencies)
        finally:
            if starts_unknown or policy is None:
                tracking.switch_off()


def _apply(backend: Backend, policy: t.Optional[Policy], request: Request, dependencies: Dependencies) -> Result:
    # read before a change, to which container engines react for a while
    container_warnings = _container_warnings(policy)
    applied = apply(backend, policy, dependencies, request)
    warnings = [*applied.warnings, *container_warnings]
    result = _result(backend, policy, applied.changes, applied.transition, warnings)
    if applied.pending:
        return {**result, 'pending': applied.pending}
    for _attempt in range(MAX_ATTEMPTS):
        # another program may have overwritten the files: then the rules are added again, beside its own
        if not applied.changes.has_changes or backend.wait_until_stable(applied.concurrent_runs):
            return result
        applied = apply(backend, policy, dependencies, request._replace(confirm_timeout=0))
    if not applied.changes.has_changes:
        return result
    raise BackendError(
        f'another program keeps changing the rules of {backend.name}; wait until it ends, then run again'
    )


def _container_warnings(policy: t.Optional[Policy]) -> t.Tuple[str, ...]:
    return (*containers.warnings(), *bridges.warnings(policy)) if policy else ()


def _starts_with_unknown_connections(backend: Backend, policy: t.Optional[Policy]) -> bool:
    """Whether a firewall that starts would take packets of connections in use for new connections: the answer to this
    run, and what the other side sends on connections that this host has opened."""
    return bool(policy and not backend.is_running())


@contextlib.contextmanager
def _exclusive_run(dependencies: Dependencies) -> t.Iterator[None]:
    """Run the body while no other run of portmatrix is at work, and no change is pending."""
    while True:
        dependencies.store.wait_until_decided()
        with dependencies.lock(SECONDS):
            if not dependencies.store.is_pending():
                yield
                return


def _result(
    backend: Backend,
    policy: t.Optional[Policy],
    changes: Changes,
    transition: str,
    warnings: t.Iterable[str],
) -> Result:
    return {
        'changed': changes.has_changes,
        'diff': changes.diff,
        'backend': backend.name,
        'digest': policy.digest if policy else '',
        'warnings': [*changes.warnings, *warnings],
        'transition': transition,
        'addresses': interfaces.addresses(),
        **changes.counts,
    }
