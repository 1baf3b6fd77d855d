# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that two hosts with the same component share: nobody could tell which of them is meant."""

from __future__ import annotations

import typing as t

from .._base.libraries import netaddr
from .deployments import ALL

if t.TYPE_CHECKING:
    from .address_book import Entry


Shared = tuple[frozenset[str], str]  # two hosts, and the problem


def find(component: str, members: list[Entry]) -> t.Iterator[Shared]:
    """Each pair of MEMBERS of one deployment that overlap."""
    names = {name for entry in members for name in entry.deployments} - {ALL} or {ALL}
    problems: dict[Shared, None] = {}
    for name in sorted(names):
        of_deployment = [entry for entry in members if name in entry.deployments or ALL in entry.deployments]
        problems.update(dict.fromkeys(_overlapping(component, of_deployment)))
    yield from problems


def _overlapping(component: str, members: list[Entry]) -> t.Iterator[Shared]:
    """Each host is compared with the earlier one whose addresses end last."""
    parsed = [(netaddr.IPNetwork(text), entry.host, text) for entry in members for text in entry.addresses]
    furthest = None
    for span in sorted((network.version, network.first, network.last, host, text) for network, host, text in parsed):
        version, first, last, host, text = span
        if furthest and furthest[0] == version and first <= furthest[2] and host != furthest[3]:
            equal = text == furthest[4]
            same = f'have the same address {text}' if equal else f'share addresses ({furthest[4]}, {text})'
            yield (
                frozenset([furthest[3], host]),
                f'{component}: the hosts {furthest[3]} and {host} {same}; set distinct ones in ansible_host or '
                'portmatrix_addresses; an address that moves between them (of keepalived, of a cluster) belongs in '
                'portmatrix_floating_addresses of both, one of a load balancer before them in '
                f'portmatrix_peers[{component!r}] of the hosts that use it',
            )
        if not furthest or furthest[0] != version or last > furthest[2]:
            furthest = span
