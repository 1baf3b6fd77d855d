# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that keep management access open: on every port of an SSH server, from where it is open already, or from
the sources that the inventory declares."""

from __future__ import annotations

import typing as t

from .._backends.base import State
from .._base.errors import Refused
from .._model import intervals as intervals_of, peers as peers_of, policy as policies, report, traffic
from .._model.connection import Connection
from .._model.peers import Any, Peers
from .._model.policy import Policy, Rule
from .._rollback.dependencies import Management


class Guard(t.NamedTuple):
    rules: t.Tuple[Rule, ...]
    warnings: t.List[str]


def build(state: State, policy: Policy, management: Management) -> Guard:
    """The guard of a host in STATE. Raises Refused if no management access is known that could be kept open."""
    connection = management.current_connection()
    ports = sorted({*management.ports(connection), *policy.management_ports})
    if not ports:
        raise Refused(
            'no management access was found on this host (no SSH connection, no sshd that listens), so none would be '
            'kept open; list its ports in portmatrix_management_ports; nothing was changed'
        )
    if policy.management_declared:
        return Guard(policies.guard(policy, ports), [])
    sources = {port: _present_sources(state, port, connection) for port in ports}
    rules = policies.guard_from(sources)
    if not rules:
        raise Refused(
            f'management access to port {", ".join(map(str, ports))} is open from nowhere now, so nothing would be '
            'kept open; set portmatrix_management_sources; nothing was changed'
        )
    return Guard(rules, _warnings(sources))


def _present_sources(state: State, port: int, connection: t.Optional[Connection]) -> Peers:
    """From where PORT is open now: a default of ours never opens more. Raises Refused if that is not known."""
    sources = state.admitted_sources(port)
    if sources is None:
        raise Refused(
            f'from where management access to port {port} is open now cannot be told from the rules in force (it '
            'depends on an interface, an address, a set or a policy), and a default never opens it to more; set '
            'portmatrix_management_sources; nothing was changed'
        )
    if isinstance(sources, Any) or not connection or connection.port != port:
        return sources
    # the connection of this run is proof enough, whatever else is known
    addresses = (*sources.addresses, connection.peer)
    by_family = {family: traffic.members_of(family, addresses) for family in traffic.FAMILIES}
    return traffic.peers_in(
        {family: intervals_of.merge(map(traffic.interval, own)) for family, own in by_family.items()}
    )


def _warnings(sources: t.Mapping[int, Peers]) -> t.List[str]:
    by_peers: t.Dict[Peers, t.List[int]] = {}
    for port, peers in sources.items():
        if not isinstance(peers, Any):
            by_peers.setdefault(peers, []).append(port)
    return [report.management_warning(ports, peers_of.to_data(peers)) for peers, ports in by_peers.items()]
