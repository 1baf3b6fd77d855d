# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two directions of traffic, as seen from the host that has the rule."""

from __future__ import annotations

INGRESS, EGRESS = 'ingress', 'egress'
DIRECTIONS = (INGRESS, EGRESS)


def opposite(direction: str) -> str:
    return EGRESS if direction == INGRESS else INGRESS


def preposition(direction: str) -> str:
    """The word between a service and its peers: "tcp 443 from 192.0.2.1", "tcp 443 to 192.0.2.1"."""
    return 'from' if direction == INGRESS else 'to'


def peer_side(direction: str) -> str:
    """Which end of a packet the peer is: "source" or "destination"."""
    return 'source' if direction == INGRESS else 'destination'
