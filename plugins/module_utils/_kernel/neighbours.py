# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules of other programs mean for a policy: what they open beside it, and which documented flows they stop."""

from __future__ import annotations

import typing as t

from .._base.errors import Refused
from .._model import intervals, protocols, traffic
from .._model.directions import EGRESS, INGRESS
from .._model.intervals import Intervals
from .._model.openings import Opening
from .._model.peers import Any
from .._model.policy import Policy, Rule, peers_by_family, ports_text
from .._model.report import shorten
from .._model.traffic import AllowedTraffic
from . import outcome, owners, packets as packets_of, rules
from .outcome import Outcome
from .packets import Packets
from .reader import Kernel
from .rules import Place
from .surroundings import MULTICAST, Surroundings
from .walk import Decision

# whether a rule is one of those that are asked about
Chooses = t.Callable[[Place], bool]
# types of ICMPv6 that IPv6 does not work without (RFC 4890, section 4.4)
_NEEDED_ICMPV6 = ((1, 4), (130, 137), (141, 143), (148, 153))
# types of ICMP that are no answer to anything: the kernel takes the others for part of a connection
_ASKING = {'icmp': ((8, 8),), 'icmpv6': ((128, 128), (133, 137))}
_MAX_BOXES = 2000
_MAX_PARTS = 200  # into which rules divide one flow
_MAX_NAMES = 5  # in a message


class Flow(t.NamedTuple):
    """A documented rule in one family, as packets."""

    direction: str
    family: str
    text: str
    packets: Packets


class Stopped(t.NamedTuple):
    """A flow that rules of others stop: as a `whole`, or some of it, or (`is_doubtful`) perhaps. Peers that a rule
    names are some of it, even if there are no others: that is what a ban is."""

    flow: Flow
    places: t.Tuple[Place, ...]
    is_whole: bool
    is_doubtful: bool


def flows(policy: Policy, guard: t.Iterable[Rule], surroundings: Surroundings) -> t.List[Flow]:
    """What POLICY documents in both directions, with the GUARD."""
    found = []
    for rule in (*guard, *policy.rules):
        names = ', '.join(rule.flows)
        ports = ', '.join(map(ports_text, rule.ports))
        text = ' '.join(filter(None, (rule.direction, rule.protocol, ports, f'({names})')))
        for family, peers in peers_by_family(rule):
            spans = [traffic.whole_family(family)]
            if not isinstance(peers, Any):
                spans = [traffic.interval(address) for address in peers.addresses]
            packets = _packets(rule, family, intervals.merge(spans), surroundings)
            found.append(Flow(rule.direction, family, text, packets))
    return found


def _packets(rule: Rule, family: str, peers: Intervals, surroundings: Surroundings) -> Packets:
    number = protocols.NUMBERS[rule.protocol]
    types = _ASKING.get(rule.protocol, packets_of.NUMBERS)
    own = addresses_here(surroundings, family)
    if rule.protocol in protocols.GROUP_ADDRESSES and rule.direction == INGRESS:
        own = intervals.merge((*own, *MULTICAST[family]))
    is_ingress = rule.direction == INGRESS
    everywhere = surroundings.all_interfaces()
    return Packets(
        protocol=((number, number),),
        source=peers if is_ingress else own,
        destination=own if is_ingress else peers,
        destination_port=intervals.merge(rule.ports) or packets_of.PORTS,
        icmp_type=types,
        input=everywhere if is_ingress else packets_of.NO_INTERFACE,
        output=packets_of.NO_INTERFACE if is_ingress else everywhere,
    )


def addresses_here(surroundings: Surroundings, family: str) -> Intervals:
    """The addresses of this host that others can reach; all, if none is known."""
    loopback = (traffic.interval('127.0.0.0/8' if family == 'ipv4' else '::1'),)
    return intervals.without(surroundings.own[family], loopback) or (traffic.whole_family(family),)


def stopped(kernel: Kernel, documented: t.Sequence[Flow], is_own: Chooses) -> t.List[Stopped]:
    """Those of the DOCUMENTED flows that rules which are not IS_OWN stop."""
    found: t.List[Stopped] = []
    for family in traffic.FAMILIES:
        for direction in (INGRESS, EGRESS):
            some = [flow for flow in documented if (flow.direction, flow.family) == (direction, family)]
            start = packets_of.merged(flow.packets for flow in some)
            result = outcome.of(kernel.rulesets[family], direction, family, start) if some else None
            if result and (result.denied or result.unknown):
                found += [one for flow in some for one in _stopped(flow, result, is_own)]
    return found


def _stopped(flow: Flow, result: Outcome, is_own: Chooses) -> t.Iterator[Stopped]:
    near: t.List[t.Tuple[Decision, Packets]] = []
    for decision in result.decisions:
        part = packets_of.split(decision.packets, flow.packets._asdict())[0] if decision.kind != rules.ACCEPT else None
        if part is not None:
            near.append((decision, part))
    own = packets_of.merged(part for decision, part in near if is_own(decision.place))
    others = [(decision, part) for decision, part in near if not is_own(decision.place)]
    named = packets_of.merged(part for decision, part in others if decision.names_peers)
    if not others:
        return
    places = _places(decision for decision, _part in others)
    if len(own) > _MAX_PARTS or len(named) > _MAX_PARTS:
        yield Stopped(flow, places, False, True)
        return
    concerned = packets_of.without([flow.packets], own)
    places = _places(decision for decision, part in others if packets_of.common([part], concerned))
    rest = packets_of.without(concerned, named)
    is_whole = bool(rest) and not packets_of.common(rest, [*result.passing, *result.unknown])
    is_denied = bool(packets_of.common(concerned, result.denied))
    if places and (is_denied or packets_of.common(concerned, result.unknown)):
        yield Stopped(flow, places, is_whole, not is_denied)


def _places(decisions: t.Iterable[Decision]) -> t.Tuple[Place, ...]:
    return tuple(dict.fromkeys(decision.place for decision in decisions))


def openings(
    kernel: Kernel, documented: t.Sequence[Flow], directions: t.Iterable[str], may_open: Chooses
) -> t.List[t.Tuple[Place, Opening]]:
    """What the rules that MAY_OPEN names admit in DIRECTIONS beyond the DOCUMENTED flows."""
    found: t.Dict[t.Tuple[str, Place], t.List[Packets]] = {}
    for family in traffic.FAMILIES:
        for direction in directions:
            ruleset = kernel.rulesets[family]
            result = outcome.of(ruleset, direction, family, [everything(kernel.surroundings, direction, family)])
            admitted = [
                decision for decision in result.decisions if decision.kind == rules.ACCEPT and may_open(decision.place)
            ]
            reached = [*result.passing, *result.unknown] if admitted else []
            boxes = [flow.packets for flow in documented if (flow.direction, flow.family) == (direction, family)]
            for decision in admitted:
                extra = beyond(packets_of.common([decision.packets], reached), boxes)
                if extra:
                    found.setdefault((direction, decision.place), []).extend(extra)
    return [(place, opening(direction, owners.describe(place), extra)) for (direction, place), extra in found.items()]


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


def beyond(sets: t.Sequence[Packets], documented: t.Iterable[Packets]) -> t.List[Packets]:
    """What of SETS is neither among DOCUMENTED nor needed by IPv6 itself. If there are too many parts, all."""
    icmpv6 = ((packets_of.ICMPV6, packets_of.ICMPV6),)
    rest = [
        part
        for packets in sets
        for part in packets_of.split(packets, {'protocol': icmpv6, 'icmp_type': _NEEDED_ICMPV6})[1]
    ]
    for flow in documented:
        # a flow is documented for the addresses of this host
        box = flow._replace(destination=packets_of.ALL_ADDRESSES) if flow.input != packets_of.NO_INTERFACE else flow
        rest = packets_of.without(rest, [box])
        if not rest or len(rest) > _MAX_BOXES:
            break
    return rest


def boxes(allowed: AllowedTraffic, direction: str, family: str) -> t.List[Packets]:
    """What is ALLOWED in DIRECTION, as packets; whatever has ports at its source is left out."""
    whole = (traffic.whole_family(family),)
    interfaces = ((1, 2**16),)
    is_ingress = direction == INGRESS
    return [
        Packets(
            protocol=((protocols.NUMBERS[service.protocol],) * 2,),
            source=peers if is_ingress else whole,
            destination=whole if is_ingress else peers,
            destination_port=((service.low, service.high),) if service.port_side else packets_of.PORTS,
            input=interfaces if is_ingress else packets_of.NO_INTERFACE,
            output=packets_of.NO_INTERFACE if is_ingress else interfaces,
        )
        for service, peers in allowed.items()
        if (service.direction, service.family) == (direction, family) and service.port_side != 'source'
    ]


def opening(direction: str, text: str, extra: t.Sequence[Packets]) -> Opening:
    """EXTRA packets that a rule admits, in words."""
    numbers = intervals.merge(span for packets in extra for span in packets.protocol)
    ports = intervals.merge(span for packets in extra for span in packets.destination_port)
    is_all = numbers == packets_of.NUMBERS
    names = () if is_all else tuple(_protocol_name(number) for low, high in numbers for number in range(low, high + 1))
    whole = any(packets.source in packets_of.WHOLE_SOURCES for packets in extra)
    return Opening(direction, names, () if ports == packets_of.PORTS else ports, text, whole)


def _protocol_name(number: int) -> str:
    return next((name for name, known in protocols.NUMBERS.items() if known == number), str(number))


def require_passing(kernel: Kernel, documented: t.Sequence[Flow], is_own: Chooses) -> t.List[str]:
    """Warnings about DOCUMENTED flows that rules which are not IS_OWN stop in part, or perhaps.

    Raises Refused for those that cannot pass.
    """
    errors, warnings = _messages(stopped(kernel, documented, is_own))
    if errors:
        raise Refused(*(f'{error}; nothing was changed' for error in errors))
    unread = list(dict.fromkeys(text for ruleset in kernel.rulesets.values() for text in ruleset.unread))
    if documented and unread:
        warnings.append(
            f'what else filters packets on this host could not be read, so it may stop what the policy allows: '
            f'{"; ".join(unread)}'
        )
    return warnings


def _messages(found: t.Sequence[Stopped]) -> t.Tuple[t.List[str], t.List[str]]:
    """(why flows cannot pass at all, warnings about those that pass in part or perhaps)."""
    errors: t.List[str] = []
    warnings: t.List[str] = []
    groups: t.Dict[t.Tuple[t.Tuple[Place, ...], bool, bool], t.List[str]] = {}
    for one in found:
        groups.setdefault((one.places, one.is_whole, one.is_doubtful), []).append(one.flow.text)
    for (places, is_whole, is_doubtful), texts in groups.items():
        names = shorten(list(dict.fromkeys(texts)), _MAX_NAMES)
        reasons = shorten(owners.descriptions(places), _MAX_NAMES)
        if is_whole:
            commands = '; '.join(filter(None, (owners.removal(place) for place in places[:_MAX_NAMES])))
            fix = f'remove them where they come from{f", and from the kernel: {commands}" if commands else ""}'
            errors.append(
                f'rules not managed by portmatrix stop documented flows, which the policy cannot change: {names}, by '
                f'{reasons}; {fix}'
            )
        elif is_doubtful:
            warnings.append(f'whether these documented flows pass cannot be told: {names}, because of {reasons}')
        else:
            warnings.append(f'rules not managed by portmatrix deny a part of documented flows: {names}, by {reasons}')
    return errors, warnings
