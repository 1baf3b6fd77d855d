# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Allowed traffic: exactly what a set of rules allows, in one canonical form that compares policies, files and kernels.

It maps each service (direction, family, protocol, ports) to the peers that may use it: sorted, disjoint, non-adjacent
intervals of addresses as integers.
"""

from __future__ import annotations

import collections
import socket
import typing as t

from .intervals import Interval, merge
from .peers import ANY, Any, Members, Peer, Peers

FAMILIES = {'ipv4': (socket.AF_INET, 32), 'ipv6': (socket.AF_INET6, 128)}
# In IPv6, AH is an extension header that firewalls skip: no rule can match it there.
ONLY_IN = {'icmp': 'ipv4', 'icmpv6': 'ipv6', 'ah': 'ipv4', 'igmp': 'ipv4'}
Ports = t.Tuple[int, int]  # first and last; (0, 0) for protocols without ports
ALL_PORTS: Ports = (0, 65535)
NO_PORTS: Ports = (0, 0)
TYPE = 'type'  # the `port_side` of types of ICMP


class Service(t.NamedTuple):
    """`port_side` is the end whose port is matched: "destination", "source", or "" for protocols without ports; or it
    is "type", and the numbers are types of ICMP (_model.icmp_types). `to`: only what is sent to this address of a
    group; "" for what is sent to the host."""

    direction: str
    family: str
    protocol: str
    port_side: str
    low: int
    high: int
    to: str = ''

    @property
    def is_for_host(self) -> bool:
        """Whether the rest of its fields says all of it: what is sent to an address of the host, by its ports."""
        return self.port_side in ('', 'destination') and not self.to


class TrafficRule(t.NamedTuple):
    """One rule as it is written. `family` None is both; see Service."""

    direction: str
    family: t.Optional[str]
    protocol: str
    port_side: str
    ports: Ports
    peers: t.Union[Any, t.Tuple[Interval, ...]]
    to: str = ''


AllowedTraffic = t.Dict[Service, t.Tuple[Interval, ...]]


class Builder:
    """Collects rules. `allowed()` is the canonical form; `rules` counts the rules, to see which are there twice."""

    def __init__(self) -> None:
        self._intervals: t.Dict[Service, t.List[Interval]] = {}
        self.rules: t.Counter[TrafficRule] = collections.Counter()

    def add(
        self,
        direction: str,
        family: t.Optional[str],
        protocol: str,
        port_side: str,
        ports: Ports,
        peers: Peers,
        to: str = '',
    ) -> None:
        """Add one rule; the parameters are the fields of TrafficRule, PEERS as text."""
        intervals = peers if isinstance(peers, Any) else merge(map(interval, peers.addresses))
        self.rules[TrafficRule(direction, family, protocol, port_side, ports, intervals, to)] += 1
        for name in [family] if family else list(FAMILIES):
            if ONLY_IN.get(protocol, name) == name:
                service = Service(direction, name, protocol, port_side, *ports, to)
                whole = [whole_family(name)] if isinstance(intervals, Any) else intervals
                self._intervals.setdefault(service, []).extend(whole)

    def allowed(self) -> AllowedTraffic:
        return {service: merge(intervals) for service, intervals in self._intervals.items() if intervals}


def allows(allowed: AllowedTraffic, direction: str, family_name: str, protocol: str, ports: Ports, peer: Peer) -> bool:
    """Return whether ALLOWED includes all of PORTS (at the destination) from or to every address of PEER."""
    span = whole_family(family_name) if isinstance(peer, Any) else interval(peer)
    return allows_span(allowed, direction, family_name, protocol, ports, span)


def allows_span(
    allowed: AllowedTraffic, direction: str, family_name: str, protocol: str, ports: Ports, span: Interval
) -> bool:
    """The same for every address in SPAN."""
    spans = merge(
        (service.low, service.high)
        for service, intervals in allowed.items()
        if service[:3] == (direction, family_name, protocol)
        and service.is_for_host
        and any(low <= span[0] and span[1] <= high for low, high in intervals)
    )
    return any(low <= ports[0] and ports[1] <= high for low, high in spans)


def without_full_prefix(cidr: str) -> str:
    """A CIDR that is one address, as that address: "192.0.2.1/32" is "192.0.2.1" for firewalls and the kernel."""
    address, _slash, prefix = cidr.partition('/')
    return address if prefix == str(FAMILIES[family(address)][1]) else cidr


def family(text: str) -> str:
    return 'ipv6' if ':' in text else 'ipv4'


def members_of(family_name: str, addresses: t.Iterable[str]) -> t.Tuple[str, ...]:
    """Those of ADDRESSES that belong to one family."""
    return tuple(address for address in addresses if family(address) == family_name)


def whole_family(name: str) -> Interval:
    return 0, 2 ** FAMILIES[name][1] - 1


def interval(text: str) -> Interval:
    """(first, last) of an address, CIDR or range "a-b", as integers. Raises OSError or ValueError for other text."""
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


def overlap(one: Interval, other: Interval) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def address_text(number: int, family_name: str) -> str:
    """The address with this NUMBER as text."""
    code, width = FAMILIES[family_name]
    return socket.inet_ntop(code, number.to_bytes(width // 8, 'big'))


def peers_in(intervals: t.Mapping[str, t.Iterable[Interval]]) -> Peers:
    """The addresses in INTERVALS, by family, as CIDRs; ANY for all of both families."""
    if all(tuple(intervals.get(name, ())) == (whole_family(name),) for name in FAMILIES):
        return ANY
    return Members(
        tuple(cidr for name, spans in sorted(intervals.items()) for span in spans for cidr in _cidrs(span, name))
    )


def _cidrs(span: Interval, family_name: str) -> t.Iterator[str]:
    """The fewest CIDRs that are SPAN."""
    first, last = span
    width = FAMILIES[family_name][1]
    while first <= last:
        aligned, most = first & -first or 1 << width, 1 << (last - first + 1).bit_length() - 1
        size = min(aligned, most)
        yield f'{address_text(first, family_name)}/{width + 1 - size.bit_length()}'
        first += size


def _number(address: str) -> int:
    return int.from_bytes(socket.inet_pton(FAMILIES[family(address)][0], address), 'big')
