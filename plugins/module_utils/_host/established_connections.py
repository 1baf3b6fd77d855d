# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Established TCP connections: what worked before a change and is documented has to work after it.

They are judged by the rules in force, before and after: whether the peer answers now is not our doing.
"""

from __future__ import annotations

import typing as t

from .._model.connection import Connection, is_allowed
from .._model.directions import EGRESS, INGRESS
from .._model.traffic import AllowedTraffic
from . import sockets

MAX_CONNECTIONS = 200


def documented(allowed: AllowedTraffic) -> t.List[Connection]:
    """The established connections of this host that are part of ALLOWED, one for each pair of service and peer."""
    return [connection for connection in _established() if is_allowed(allowed, connection)][:MAX_CONNECTIONS]


def undocumented(allowed: AllowedTraffic, direction: str) -> t.List[Connection]:
    """The established connections in DIRECTION that are not part of ALLOWED: they go on, but could not be opened
    again."""
    return [
        connection
        for connection in _established()
        if connection.direction == direction and not is_allowed(allowed, connection)
    ]


def _established() -> t.List[Connection]:
    """One for each pair of service and peer, sorted."""
    listening_ports = {listener.port for listener in sockets.listening()}
    connections: t.Dict[Connection, Connection] = {}
    for entry in sorted(sockets.established()):
        if entry.port in listening_ports:
            connection = Connection(INGRESS, entry.peer, entry.port, entry.local, entry.peer_port)
        else:
            connection = Connection(EGRESS, entry.peer, entry.peer_port, entry.local, entry.port)
        connections[connection._replace(other_port=0)] = connection
    return sorted(connections.values())
