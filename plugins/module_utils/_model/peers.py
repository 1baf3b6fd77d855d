# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers of a rule: every address, or exactly the listed ones. Neither value is ever falsy, so none is taken for the
other."""

from __future__ import annotations

import enum
import typing as t


class Any(enum.Enum):
    """Every address of both families."""

    ANY = 'any'


ANY: t.Final = Any.ANY


class Members(t.NamedTuple):
    """Exactly these addresses, as text. An empty one allows nobody: its component is declared to have no host."""

    addresses: t.Tuple[str, ...]


Peers = t.Union[Any, Members]
Peer = t.Union[Any, str]  # every address, or one address, CIDR or range


def from_data(addresses: t.Sequence[str]) -> Peers:
    """Peers from their form in files: a list of addresses, or ["any"]."""
    return ANY if list(addresses) == [ANY.value] else Members(tuple(addresses))


def to_data(peers: Peers) -> t.List[str]:
    """PEERS in their form in files."""
    return [ANY.value] if isinstance(peers, Any) else list(peers.addresses)


def peer_text(peer: Peer) -> str:
    """PEER as text."""
    return peer.value if isinstance(peer, Any) else peer
