# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Established connections that the policy documents: what worked before a change has to work after it.

An incoming connection is judged by the rules in force; an outgoing one is opened again.
"""

from __future__ import annotations

import concurrent.futures
import socket
import typing as t

from .._model.connection import Connection, is_allowed
from .._model.directions import EGRESS, INGRESS
from .._model.traffic import AllowedTraffic
from . import sockets

CONNECT_SECONDS = 3
MAX_CONNECTIONS = 200
_MAX_THREADS = 32


def documented(allowed: AllowedTraffic) -> t.List[Connection]:
    """The established connections of this host that are part of ALLOWED, one for each pair of service and peer."""
    listening_ports = {listener.port for listener in sockets.listening()}
    connections: t.Dict[Connection, Connection] = {}
    for entry in sorted(sockets.established()):
        if entry.port in listening_ports:
            connection = Connection(INGRESS, entry.peer, entry.port, entry.local, entry.peer_port)
        else:
            connection = Connection(EGRESS, entry.peer, entry.peer_port, entry.local, entry.port)
        if is_allowed(allowed, connection):
            connections[connection._replace(other_port=0)] = connection
    return sorted(connections.values())[:MAX_CONNECTIONS]


def dropped(connections: t.Iterable[Connection], allows: t.Callable[[Connection], bool]) -> t.List[Connection]:
    """Those of CONNECTIONS that could not be opened now. ALLOWS judges the incoming ones."""
    connections = list(connections)
    with concurrent.futures.ThreadPoolExecutor(_MAX_THREADS) as pool:
        works = list(pool.map(lambda connection: _works(connection, allows), connections))
    return [connection for connection, passes in zip(connections, works) if not passes]


def _works(connection: Connection, allows: t.Callable[[Connection], bool]) -> bool:
    if connection.direction == INGRESS:
        return allows(connection)
    try:
        socket.create_connection((connection.peer, connection.port), CONNECT_SECONDS).close()
    except OSError:  # a refused connection counts, too: ufw rejects what it denies
        return False
    return True
