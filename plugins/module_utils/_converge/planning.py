# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a change that keeps management access: the guard is part of every policy, and a lock-out is refused."""

from __future__ import annotations

import typing as t

from .._backends.base import Backend, Changes, State
from .._base.errors import Refused
from .._host import established_connections, noticing
from .._model import openings, policy as policies
from .._model.connection import Connection
from .._model.directions import EGRESS
from .._model.policy import Policy
from .._model.report import shorten
from .._model.traffic import AllowedTraffic
from .._rollback.dependencies import Management
from . import guard as guard_of

_NOTHING_CHANGED = 'nothing was changed'
MAX_CONNECTIONS = 5  # in a message


class Plan(t.NamedTuple):
    """`warnings`: in addition to those of the changes."""

    changes: Changes
    warnings: t.List[str]


def plan(backend: Backend, state: State, policy: t.Optional[Policy], management: Management) -> Plan:
    """The changes from STATE to POLICY (None: a host that portmatrix does not manage).

    Raises Refused if no management access is known that could be kept open, or if the management connection of this run
    would be denied.
    """
    connection = management.current_connection()
    if policy is None:
        return Plan(_plan_release(backend, state, connection), [])
    guard = guard_of.build(state, policy, management)
    changes = state.plan(policy, guard.rules)
    if policy.egress == 'deny' and changes.has_changes and management.is_carried():
        _refuse_cut_carriers(policy)
    if connection and not changes.would_allow(connection):
        raise Refused(
            f'the new rules would lock out the management connection from {connection.peer} to port '
            f'{connection.port}; add {connection.peer} to portmatrix_management_sources{backend.lockout_advice}; '
            f'{_NOTHING_CHANGED}'
        )
    allowed = policies.allowed_traffic(policy, guard.rules)
    return Plan(changes, [*guard.warnings, *_standing_connections(policy, changes), *_closed(changes, allowed)])


def _refuse_cut_carriers(policy: Policy) -> None:
    """Raise Refused if something carries the connection of this run that could not be opened again."""
    standing = established_connections.undocumented(policies.allowed_traffic(policy, ()), EGRESS)
    if standing:
        raise Refused(
            'management comes in from this host itself, so a tunnel or an agent carries it, and these connections of '
            f'this host could not be opened again, since the policy denies them: {display(standing)}; document the one '
            f'that carries management (a flow of a catalog, portmatrix_peers), or allow egress; {_NOTHING_CHANGED}'
        )


def _standing_connections(policy: Policy, changes: Changes) -> t.List[str]:
    """A warning about what POLICY denies from the next time on, and works now."""
    if policy.egress != 'deny' or not changes.has_changes:
        return []
    standing = established_connections.undocumented(policies.allowed_traffic(policy, ()), EGRESS)
    return [f'connections of this host that could not be opened again: {display(standing)}'] if standing else []


def _closed(changes: Changes, allowed: AllowedTraffic) -> t.List[str]:
    """A warning about what is open now beyond the policy and will be closed, with who will notice."""
    if not changes.closing or not changes.has_changes:
        return []
    used = noticing.in_use(changes.closing, changes.staying, allowed)
    return [openings.closing_warning(changes.closing, used)]


def display(connections: t.Sequence[Connection]) -> str:
    return shorten([connection.display() for connection in connections], MAX_CONNECTIONS)


def _plan_release(backend: Backend, state: State, connection: t.Optional[Connection]) -> Changes:
    changes = state.plan(None, ())
    if changes.has_changes and connection and not changes.would_allow(connection):
        raise Refused(
            f'without the rules managed by portmatrix, {backend.name} would deny the management connection from '
            f'{connection.peer} to port {connection.port}; allow it there first; {_NOTHING_CHANGED}'
        )
    return changes
