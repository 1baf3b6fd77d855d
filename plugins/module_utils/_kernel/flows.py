# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy documents, as packets."""

from __future__ import annotations

import typing as t

from .._model import icmp_types, intervals, protocols, traffic
from .._model.directions import INGRESS
from .._model.intervals import Intervals
from .._model.peers import Any
from .._model.policy import Policy, Rule, peers_by_family, service_text
from .._model.traffic import AllowedTraffic
from . import packets as packets_of
from .packets import Packets
from .surroundings import MULTICAST, Surroundings

# types of ICMP that are no answer to anything: the kernel takes the others for part of a connection
_ASKING = {'icmp': ((8, 8),), 'icmpv6': ((128, 128), (133, 137))}


class Flow(t.NamedTuple):
    """A documented rule in one family, as packets."""

    direction: str
    family: str
    text: str
    packets: Packets


def documented(policy: Policy, guard: t.Iterable[Rule], surroundings: Surroundings) -> t.List[Flow]:
    """What POLICY documents in both directions, with the GUARD."""
    found = []
    for rule in (*guard, *policy.rules):
        names = ', '.join(rule.flows)
        ports = ', '.join(service_text(rule.protocol, span) for span in rule.ports)
        text = ' '.join(filter(None, (rule.direction, rule.protocol, ports, f'({names})')))
        for family, peers in peers_by_family(rule):
            spans = [traffic.whole_family(family)]
            if not isinstance(peers, Any):
                spans = [traffic.interval(address) for address in peers.addresses]
            packets = _packets(rule, family, intervals.merge(spans), surroundings)
            found.append(Flow(rule.direction, family, text, packets))
    return found


def _packets(rule: Rule, family: str, peers: Intervals, surroundings: Surroundings) -> Packets:
    types = _ASKING.get(rule.protocol, packets_of.NUMBERS)
    if rule.side == traffic.TYPE:
        # what only answers is part of a connection, however its rule reads
        types = intervals.common(types, intervals.merge(icmp_types.types(rule.ports))) or types
    own = addresses_here(surroundings, family)
    if rule.to:
        own = intervals.merge(map(traffic.interval, traffic.members_of(family, rule.to)))
    elif rule.protocol in protocols.GROUP_ADDRESSES and rule.direction == INGRESS:
        own = intervals.merge((*own, *MULTICAST[family]))
    is_ingress = rule.direction == INGRESS
    everywhere = surroundings.all_interfaces()
    return Packets(
        protocol=_numbers(rule.protocol),
        source=peers if is_ingress else own,
        destination=own if is_ingress else peers,
        destination_port=intervals.merge(rule.ports) if rule.side == 'destination' else packets_of.PORTS,
        icmp_type=types,
        input=everywhere if is_ingress else packets_of.NO_INTERFACE,
        output=packets_of.NO_INTERFACE if is_ingress else everywhere,
    )


def _numbers(protocol: str) -> Intervals:
    number = protocols.number(protocol)
    return packets_of.NUMBERS if number is None else ((number, number),)


def addresses_here(surroundings: Surroundings, family: str) -> Intervals:
    """The addresses of this host that others can reach; all, if none is known."""
    loopback = (traffic.interval('127.0.0.0/8' if family == 'ipv4' else '::1'),)
    return intervals.without(surroundings.own[family], loopback) or (traffic.whole_family(family),)


def boxes(allowed: AllowedTraffic, direction: str, family: str) -> t.List[Packets]:
    """What is ALLOWED in DIRECTION, as packets, without what ports of the peer, types of ICMP or addresses of groups
    restrict further."""
    whole = (traffic.whole_family(family),)
    interfaces = ((1, 2**16),)
    is_ingress = direction == INGRESS
    return [
        Packets(
            protocol=_numbers(service.protocol),
            source=peers if is_ingress else whole,
            destination=whole if is_ingress else peers,
            destination_port=((service.low, service.high),) if service.port_side else packets_of.PORTS,
            input=interfaces if is_ingress else packets_of.NO_INTERFACE,
            output=packets_of.NO_INTERFACE if is_ingress else interfaces,
        )
        for service, peers in allowed.items()
        if (service.direction, service.family) == (direction, family) and service.is_for_host
    ]


def everything(surroundings: Surroundings, direction: str, family: str) -> Packets:
    """All new traffic in DIRECTION, except over loopback."""
    whole = (traffic.whole_family(family),)
    interfaces = surroundings.all_interfaces()
    is_ingress = direction == INGRESS
    return Packets(
        protocol=packets_of.NUMBERS,
        source=whole,
        destination=whole,
        input=interfaces if is_ingress else packets_of.NO_INTERFACE,
        output=packets_of.NO_INTERFACE if is_ingress else interfaces,
    )
