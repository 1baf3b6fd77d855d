# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules of other programs mean for a policy: what they open beside it, and which documented flows they stop."""

from __future__ import annotations

import typing as t

from .._base.errors import Refused
from .._model import intervals, protocols, traffic
from .._model.directions import EGRESS, INGRESS
from .._model.openings import Opening
from .._model.report import shorten
from . import outcome, owners, packets as packets_of, rules
from .flows import Flow, everything
from .outcome import Outcome
from .packets import Packets
from .reader import Kernel
from .rules import Place
from .surroundings import MULTICAST
from .walk import Decision

# whether a rule is one of those that are asked about
Chooses = t.Callable[[Place], bool]
# types of ICMPv6 that IPv6 does not work without (RFC 4890, section 4.4)
_NEEDED_ICMPV6 = ((1, 4), (130, 137), (141, 143), (148, 153))
_MAX_BOXES = 2000
_MAX_PARTS = 200  # into which rules divide one flow
_MAX_NAMES = 5  # in a message


class Stopped(t.NamedTuple):
    """A flow that rules of others stop: as a `whole`, or some of it, or (`is_doubtful`) perhaps. Peers that a rule
    names are some of it, even if there are no others: that is what a ban is."""

    flow: Flow
    places: t.Tuple[Place, ...]
    is_whole: bool
    is_doubtful: bool


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


def beyond(sets: t.Sequence[Packets], documented: t.Iterable[Packets]) -> t.List[Packets]:
    """What of SETS is neither among DOCUMENTED nor needed by IPv6 itself. If there are too many parts, all."""
    icmpv6 = ((packets_of.ICMPV6, packets_of.ICMPV6),)
    rest = [
        part
        for packets in sets
        for part in packets_of.split(packets, {'protocol': icmpv6, 'icmp_type': _NEEDED_ICMPV6})[1]
    ]
    for flow in documented:
        # what is documented for addresses of this host is not for others of it
        is_for_host = flow.input != packets_of.NO_INTERFACE and not _is_for_group(flow)
        box = flow._replace(destination=packets_of.ALL_ADDRESSES) if is_for_host else flow
        rest = packets_of.without(rest, [box])
        if not rest or len(rest) > _MAX_BOXES:
            break
    return rest


def _is_for_group(flow: Packets) -> bool:
    return any(not intervals.without(flow.destination, spans) for spans in MULTICAST.values())


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


def require_passing(
    kernel: Kernel, documented: t.Sequence[Flow], is_own: Chooses = lambda _place: False
) -> t.List[str]:
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
