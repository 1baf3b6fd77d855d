# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documented connections that stand: what worked before a change has to work after it.

A connection that came in is judged by the rules that are in force; one that went out is tried anew.
"""

from __future__ import annotations

import concurrent.futures
import socket
import typing as t

from .._model import traffic
from . import management, sockets

TRY_SECONDS = 3
MOST = 200


class Flow(t.NamedTuple):
    """A connection: `way` is ingress or egress, `port` the listener's, `other_port` the other end's, `local` this host's address."""

    way: str
    peer: str
    port: int
    local: str
    other_port: int

    def words(self) -> str:
        return f'{self.way} tcp {self.port} {"from" if self.way == "ingress" else "to"} {self.peer}'


def standing(admits: traffic.Reach) -> t.List[Flow]:
    """The connections of this host that a policy that ADMITS so much documents."""
    ports = {found.port for found in sockets.listening()}
    found = set()
    for connection in sockets.established():
        if connection.port in ports:
            flow = Flow('ingress', connection.peer, connection.port, connection.local, connection.peer_port)
        else:
            flow = Flow('egress', connection.peer, connection.peer_port, connection.local, connection.port)
        if traffic.covers(admits, flow.way, traffic.family(flow.peer), 'tcp', (flow.port, flow.port), flow.peer):
            found.add(flow)
    # one connection for all between the same two ends
    return sorted({flow._replace(other_port=0): flow for flow in sorted(found)}.values())[:MOST]


def cut(flows: t.Iterable[Flow], lets_in: t.Callable[[management.Connection], bool]) -> t.List[str]:
    """Those of FLOWS that would not pass now, in words."""
    flows = list(flows)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        passing = list(pool.map(lambda flow: _passes(flow, lets_in), flows))
    return [flow.words() for flow, passes in zip(flows, passing) if not passes]


def _passes(flow: Flow, lets_in: t.Callable[[management.Connection], bool]) -> bool:
    if flow.way == 'ingress':
        return lets_in(management.Connection(flow.peer, flow.port, flow.other_port, flow.local))
    try:
        socket.create_connection((flow.peer, flow.port), TRY_SECONDS).close()
    except OSError:  # refused, too: ufw's denials say so
        return False
    return True
