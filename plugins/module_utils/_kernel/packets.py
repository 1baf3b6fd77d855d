# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of packets, as what is common to them: an interval of numbers for each field."""

from __future__ import annotations

import functools
import typing as t

from .._model import intervals, traffic
from .._model.intervals import Intervals

PORTS: Intervals = ((0, 65535),)
NUMBERS: Intervals = ((0, 255),)  # of protocols, and of the types of ICMP
MARKS: Intervals = ((0, 2**32 - 1),)
NO_INTERFACE: Intervals = ((0, 0),)
# flags of TCP, as bits: of the packet that opens a connection, and of those that answer
ONLY_SYN: Intervals = ((2, 2),)
ANSWERING: Intervals = ((16, 31),)
UNMARKED: Intervals = ((0, 0),)
TCP, UDP, SCTP, ICMP, ICMPV6 = 6, 17, 132, 1, 58
# states of connection tracking, in the order of the bits that nftables has for them; UNTRACKED is bit 64
INVALID, ESTABLISHED, RELATED, NEW, UNTRACKED = range(5)
ONLY_NEW: Intervals = ((NEW, NEW),)
TRACKED: Intervals = ((INVALID, NEW),)
INVALID_STATE: Intervals = ((INVALID, INVALID),)
UNTRACKED_STATE: Intervals = ((UNTRACKED, UNTRACKED),)


ALL_ADDRESSES: Intervals = ((0, 2**128 - 1),)  # of either family
WHOLE_SOURCES = tuple((traffic.whole_family(family),) for family in traffic.FAMILIES)


class Packets(t.NamedTuple):
    """All packets of one family whose fields are in these intervals: never an empty one.

    `input` and `output`: the interface where they arrive or leave, by its number in Surroundings; 0 is none. Ports and
    types only tell packets of a protocol that has them apart.
    """

    protocol: Intervals
    source: Intervals
    destination: Intervals
    source_port: Intervals = PORTS
    destination_port: Intervals = PORTS
    icmp_type: Intervals = NUMBERS
    input: Intervals = NO_INTERFACE
    output: Intervals = NO_INTERFACE
    state: Intervals = ONLY_NEW
    mark: Intervals = UNMARKED
    flags: Intervals = ONLY_SYN


FIELDS: t.Dict[str, int] = {name: number for number, name in enumerate(Packets._fields)}
# what each field is restricted to; a field that is not named is not restricted
Box = t.Mapping[str, Intervals]


def split(packets: Packets, box: Box) -> t.Tuple[t.Optional[Packets], t.List[Packets]]:
    """(those of PACKETS that are in BOX, the others as disjoint sets)."""
    outside: t.List[Packets] = []
    inside: t.List[Intervals] = list(packets)
    for name, spans in box.items():
        position = FIELDS[name]
        shared = intervals.common(inside[position], spans)
        if not shared:
            return None, [packets]
        if shared != inside[position]:
            rest = list(inside)
            rest[position] = intervals.without(inside[position], spans)
            outside.append(Packets(*rest))
            inside[position] = shared
    return Packets(*inside), outside


class Condition(t.NamedTuple):
    """Selects the packets that are in one of `boxes`, or if `negated` in none of them. Without boxes, nothing."""

    boxes: t.Tuple[Box, ...]
    negated: bool = False

    def names(self, field: str) -> bool:
        """Whether it selects by certain values of FIELD, not by all but some."""
        return not self.negated and any(field in box for box in self.boxes)


def combined(conditions: t.Sequence[Condition]) -> t.Tuple[Condition, ...]:
    """The same CONDITIONS, those that select by one box each as one, and first."""
    box: t.Dict[str, Intervals] = {}
    others: t.List[Condition] = []
    for condition in conditions:
        if not condition.boxes and not condition.negated:
            return (Condition(()),)
        if condition.negated or len(condition.boxes) != 1:
            others.append(condition)
            continue
        for name, spans in condition.boxes[0].items():
            box[name] = intervals.common(box[name], spans) if name in box else spans
            if not box[name]:
                return (Condition(()),)
    others.sort(key=repr)
    return (Condition(({name: box[name] for name in sorted(box)},)), *others) if box else tuple(others)


def outer_bounds(condition: Condition) -> t.List[t.Tuple[int, int, int]]:
    """(position of a field, its first and last value) of all that CONDITION of one box selects, if it is one."""
    if condition.negated or len(condition.boxes) != 1:
        return []
    return [(FIELDS[name], spans[0][0], spans[-1][1]) for name, spans in condition.boxes[0].items()]


def select(conditions: t.Iterable[Condition], whole: Packets) -> t.Tuple[t.List[Packets], t.List[Packets]]:
    """(those of WHOLE that meet all CONDITIONS, the others)."""
    selected, rest = [whole], []
    for condition in conditions:
        inside, outside = _meet(condition, selected)
        selected, others = (outside, inside) if condition.negated else (inside, outside)
        rest += others
        if not selected:
            break
    return selected, rest


def _meet(condition: Condition, sets: t.List[Packets]) -> t.Tuple[t.List[Packets], t.List[Packets]]:
    """(those of SETS in a box of CONDITION, the others)."""
    inside: t.List[Packets] = []
    for box in condition.boxes:
        outside: t.List[Packets] = []
        for packets in sets:
            hit, others = split(packets, box)
            inside += [hit] if hit is not None else []
            outside += others
        sets = outside
    return inside, sets


def selected(conditions: t.Sequence[Condition], sets: t.Iterable[Packets]) -> t.List[Packets]:
    """Those of SETS that meet all CONDITIONS."""
    return [found for packets in sets for found in select(conditions, packets)[0]]


def without(sets: t.Iterable[Packets], removed: t.Iterable[Packets]) -> t.List[Packets]:
    """The packets in SETS that are in none of REMOVED."""
    rest = list(sets)
    for one in removed:
        box = one._asdict()
        rest = [part for packets in rest for part in split(packets, box)[1]]
    return rest


def common(sets: t.Iterable[Packets], others: t.Sequence[Packets]) -> t.List[Packets]:
    """The packets that are both in SETS and in OTHERS."""
    boxes = [packets._asdict() for packets in others]
    found = (split(packets, box)[0] for packets in sets for box in boxes)
    return [packets for packets in found if packets is not None]


def merged(sets: t.Iterable[Packets]) -> t.List[Packets]:
    """The same packets in fewer sets: those that differ in one field only become one."""
    parts = list(dict.fromkeys(sets))
    for position in range(len(FIELDS)) if len(parts) > 1 else ():
        groups: t.Dict[t.Tuple[Intervals, ...], t.List[Packets]] = {}
        for packets in parts:
            groups.setdefault(packets[:position] + packets[position + 1 :], []).append(packets)
        if len(groups) < len(parts):
            parts = [_united(group, position) for group in groups.values()]
    return parts


def _united(group: t.Sequence[Packets], position: int) -> Packets:
    fields = list(group[0])
    if len(group) > 1:
        fields[position] = intervals.merge(span for packets in group for span in packets[position])
    return Packets(*fields)


MAX_BOXES = 5000  # of one condition


def united(boxes: t.Sequence[Box]) -> t.Tuple[Box, ...]:
    """The same packets in fewer boxes: those that restrict the same fields, and differ in one, become one."""
    result = list(boxes)
    for name in sorted({name for box in boxes for name in box}) if len(boxes) > 1 else ():
        groups: t.Dict[t.Tuple[t.Any, ...], t.List[Box]] = {}
        for box in result:
            others = tuple(sorted((field, spans) for field, spans in box.items() if field != name))
            groups.setdefault((name in box, others), []).append(box)
        result = [
            {**group[0], name: intervals.merge(span for box in group for span in box[name])} if has_name else group[0]
            for (has_name, _others), group in groups.items()
        ]
    return tuple(result)


@functools.lru_cache(maxsize=256)
def with_flags(mask: int, wanted: t.Tuple[int, ...]) -> Intervals:
    """The flags of TCP that are one of WANTED in the bits of MASK."""
    return intervals.merge((flags, flags) for flags in range(256) if flags & mask in wanted)
