# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces and addresses of this host, which rules refer to."""

from __future__ import annotations

import re
import socket
import typing as t

from .._base.commands import exists, run
from .._model import intervals, traffic
from .._model.intervals import Intervals

_ADDRESS = re.compile(
    r'(?m)^\d+: (?P<name>\S+)\s+inet6? (?P<address>[0-9a-f.:]+)(?:/\d+)?(?: brd (?P<broadcast>[\d.]+))?'
)
MULTICAST = {'ipv4': (traffic.interval('224.0.0.0/4'),), 'ipv6': (traffic.interval('ff00::/8'),)}


class Surroundings(t.NamedTuple):
    """`interfaces` without loopback, of which the first one has the number 1; by family the addresses of this host
    (`own`, those of loopback included), and its broadcast addresses; `places`: address -> the interface that has it."""

    interfaces: t.Tuple[str, ...]
    own: t.Dict[str, Intervals]
    broadcast: t.Dict[str, Intervals]
    places: t.Dict[str, str] = {}

    def all_interfaces(self) -> Intervals:
        return ((1, max(len(self.interfaces), 1)),)

    def interfaces_of(self, address: str) -> Intervals:
        """The interface that has ADDRESS, or all if it is not known: one of loopback is reached by others."""
        found = self.matching([self.places.get(address, '')])
        return found or self.all_interfaces()

    def matching(self, names: t.Iterable[str]) -> Intervals:
        """The interfaces that NAMES mean; one that ends with "*" means all that begin so."""
        found = {
            number
            for number, interface in enumerate(self.interfaces, 1)
            for name in names
            if interface == name or (name.endswith('*') and interface.startswith(name[:-1]))
        }
        return intervals.merge((number, number) for number in found)


class Context(t.NamedTuple):
    """`family`: of the packets that a rule is read for."""

    family: str
    surroundings: Surroundings

    def addresses(self, kind: str) -> Intervals:
        """The addresses that are local, broadcast, multicast or unicast (none of these)."""
        special = {
            'local': self.surroundings.own[self.family],
            'broadcast': self.surroundings.broadcast[self.family],
            'multicast': MULTICAST[self.family],
        }
        if kind in special:
            return special[kind]
        whole = (traffic.whole_family(self.family),)
        return intervals.without(whole, intervals.merge(span for spans in special.values() for span in spans))


def read() -> Surroundings:
    """Those of now."""
    interfaces = sorted(name for _index, name in socket.if_nameindex() if name != 'lo')
    text = run(['ip', '-o', 'address', 'show'], check=False).stdout if exists('ip') else ''
    return parse(interfaces, text)


def parse(interfaces: t.Iterable[str], text: str) -> Surroundings:
    """INTERFACES, and what `ip -o address` prints as TEXT."""
    own = {'ipv4': [traffic.interval('127.0.0.0/8')], 'ipv6': [traffic.interval('::1')]}
    broadcast = [traffic.interval('255.255.255.255')]
    places: t.Dict[str, str] = {}
    for match in _ADDRESS.finditer(text):
        own[traffic.family(match['address'])].append(traffic.interval(match['address']))
        places[match['address']] = match['name']
        if match['broadcast']:
            broadcast.append(traffic.interval(match['broadcast']))
    return Surroundings(
        tuple(interfaces),
        {family: intervals.merge(spans) for family, spans in own.items()},
        {'ipv4': intervals.merge(broadcast), 'ipv6': ()},
        places,
    )
