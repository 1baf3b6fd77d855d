# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP connection of this host: one that is established, or one that may be opened."""

from __future__ import annotations

import typing as t

from . import traffic
from .directions import preposition
from .traffic import AllowedTraffic


class Connection(t.NamedTuple):
    """DIRECTION is ingress if the peer opens it. `port` is the listener's and `other_port` (0: any) the other end's;
    `local` is the address of this host, "" if it is not known."""

    direction: str
    peer: str
    port: int
    local: str = ''
    other_port: int = 0

    def display(self) -> str:
        return f'{self.direction} tcp {self.port} {preposition(self.direction)} {self.peer}'


def is_allowed(allowed: AllowedTraffic, connection: Connection) -> bool:
    """Return whether a new connection like CONNECTION is part of ALLOWED."""
    family = traffic.family(connection.peer)
    ports = (connection.port, connection.port)
    return traffic.allows(allowed, connection.direction, family, 'tcp', ports, connection.peer)
