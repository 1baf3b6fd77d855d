# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach: the exact traffic that a set of rules admits, in one canonical form for comparing policies, files and kernels.

A reach maps (direction, family, protocol, port side, low, high) to sorted, disjoint, non-adjacent intervals of peer addresses (integers).
"""

from __future__ import annotations

import collections
import socket
import typing as t

FAMILIES = {'ipv4': (socket.AF_INET, 32), 'ipv6': (socket.AF_INET6, 128)}
# In IPv6 AH is an extension header, which firewalls look behind: no rule can admit it there.
ONLY_IN = {'icmp': 'ipv4', 'icmpv6': 'ipv6', 'ah': 'ipv4'}
Interval = t.Tuple[int, int]
Key = t.Tuple[str, str, str, str, int, int]
Reach = t.Dict[Key, t.Tuple[Interval, ...]]
# direction, family (None: both), protocol, side, ports, intervals of peers (None: every address)
RuleKey = t.Tuple[str, t.Optional[str], str, str, t.Tuple[int, int], t.Optional[t.Tuple[Interval, ...]]]


class Builder:
    """Collects what is admitted. `reach()` gives the canonical form; `rules` keeps the rules apart, for seeing what is there twice or for nothing."""

    def __init__(self) -> None:
        self._found: t.Dict[Key, t.List[Interval]] = {}
        self.rules: t.Counter[RuleKey] = collections.Counter()

    def add(
        self,
        direction: str,
        family: t.Optional[str],
        protocol: str,
        side: str,
        span: t.Tuple[int, int],
        intervals: t.Optional[t.Iterable[Interval]],
    ) -> None:
        """FAMILY None is both; INTERVALS None is every address; SIDE is "destination", "source", or "" for protocols without ports."""
        merged = None if intervals is None else merge(intervals)
        self.rules[direction, family, protocol, side, span, merged] += 1
        for name in [family] if family else list(FAMILIES):
            if ONLY_IN.get(protocol, name) == name:
                whole = [(0, 2 ** FAMILIES[name][1] - 1)]
                self._found.setdefault((direction, name, protocol, side, *span), []).extend(
                    whole if merged is None else merged
                )

    def reach(self) -> Reach:
        return {key: merge(intervals) for key, intervals in self._found.items() if intervals}


def covers(
    admits: Reach, direction: str, name: str, protocol: str, span: t.Tuple[int, int], peers: t.Optional[str]
) -> bool:
    """Whether a reach ADMITS all of SPAN (ports at the destination; (0, 0) for protocols without ports) from or to PEERS (None: every address)."""
    first, last = interval(peers) if peers else (0, 2 ** FAMILIES[name][1] - 1)
    spans = merge(
        (key[4], key[5])
        for key, intervals in admits.items()
        if key[:3] == (direction, name, protocol)
        and key[3] != 'source'
        and any(low <= first and last <= high for low, high in intervals)
    )
    return any(low <= span[0] and span[1] <= high for low, high in spans)


def plain(cidr: str) -> str:
    """A CIDR of full length as an address: what firewalls and the kernel call it."""
    address, _slash, prefix = cidr.partition('/')
    return address if prefix == str(FAMILIES[family(address)][1]) else cidr


def family(text: str) -> str:
    return 'ipv6' if ':' in text else 'ipv4'


def interval(text: str) -> Interval:
    """(first, last) of an address, CIDR or range "a-b", as integers."""
    first, dash, last = text.partition('-')
    if dash:
        return _number(first), _number(last)
    address, slash, prefix = text.partition('/')
    width = FAMILIES[family(address)][1]
    size = 2 ** (width - int(prefix)) if slash else 1
    start = _number(address) // size * size
    return start, start + size - 1


def contains(intervals: t.Iterable[Interval], address: str) -> bool:
    number = _number(address)
    return any(first <= number <= last for first, last in intervals)


def merge(intervals: t.Iterable[Interval]) -> t.Tuple[Interval, ...]:
    merged: t.List[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def _number(address: str) -> int:
    return int.from_bytes(socket.inet_pton(FAMILIES[family(address)][0], address), 'big')


def text(number: int, name: str) -> str:
    """The address NUMBER of family NAME as text."""
    code, width = FAMILIES[name]
    return socket.inet_ntop(code, number.to_bytes(width // 8, 'big'))
