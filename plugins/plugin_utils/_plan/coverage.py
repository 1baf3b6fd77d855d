# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts the peers of a rule cover, as numbers with a bit for each host."""

from __future__ import annotations

import bisect
import ipaddress
import typing as t

from ...module_utils._model.peers import Members

_Span = tuple[int, int, int]  # version, first, last


class Coverage:
    """The hosts of ADDRESSES (canonical CIDRs by host)."""

    def __init__(self, addresses: t.Mapping[str, t.Sequence[str]]) -> None:
        self._names = sorted(addresses)
        self._bits = {name: 1 << number for number, name in enumerate(self._names)}
        self._sizes = {name: len(addresses[name]) for name in self._names}
        self._spans_of_text: dict[str, _Span] = {}
        self._known: dict[Members, int] = {}
        self._spans = sorted((*self._span(text), name) for name in self._names for text in addresses[name])

    @property
    def everybody(self) -> int:
        return (1 << len(self._names)) - 1

    def bit(self, name: str) -> int:
        return self._bits[name]

    def union(self, names: t.Iterable[str]) -> int:
        """The hosts NAMES; one that is not known counts for nothing."""
        union = 0
        for name in names:
            union |= self._bits.get(name, 0)
        return union

    def names(self, hosts: int) -> list[str]:
        return [name for name in self._names if hosts & self._bits[name]]

    def of(self, peers: Members) -> int:
        """The hosts all of whose addresses are among PEERS."""
        if peers not in self._known:
            counts: dict[str, int] = {}
            for version, first, last in map(self._span, peers.addresses):
                start = bisect.bisect_left(self._spans, (version, first))
                for span in self._spans[start : bisect.bisect_right(self._spans, (version, last, 1 << 128))]:
                    if span[2] <= last:
                        counts[span[3]] = counts.get(span[3], 0) + 1
            self._known[peers] = self.union(name for name, count in counts.items() if count == self._sizes[name])
        return self._known[peers]

    def _span(self, text: str) -> _Span:
        if text not in self._spans_of_text:
            network = ipaddress.ip_network(text)
            first, last = int(network.network_address), int(network.broadcast_address)
            self._spans_of_text[text] = (network.version, first, last)
        return self._spans_of_text[text]
