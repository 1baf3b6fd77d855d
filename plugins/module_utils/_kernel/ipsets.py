# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of ipset, from what `ipset save` prints."""

from __future__ import annotations

import typing as t

from .._model import intervals, traffic
from .packets import Box
from .rules import Unknown
from .surroundings import Context

_SIDES = {'src': 'source', 'dst': 'destination'}
_PROTOCOLS = {'tcp': 6, 'udp': 17, 'sctp': 132, 'udplite': 136}
_MAX_DEPTH = 3
# options that make an entry something else than it is written as
_UNREAD = {'nomatch', 'netmask', 'bitmask', 'wildcard'}


class Set(t.NamedTuple):
    """`fields`: what an entry consists of ("ip", "net", "port", "iface", "mark", "mac", "set")."""

    fields: t.Tuple[str, ...]
    family: str
    entries: t.List[str]
    has_exceptions: bool = False


Sets = t.Dict[str, Set]  # by name


def parse(text: str) -> Sets:
    """The sets in TEXT."""
    sets: Sets = {}
    for words in map(str.split, text.split('\n')):
        if words[:1] == ['create'] and len(words) > 2:
            family = 'ipv6' if 'inet6' in words else 'ipv4'
            is_masked = bool(_UNREAD.intersection(words))
            sets[words[1]] = Set(tuple(words[2].partition(':')[2].split(',')), family, [], is_masked)
        elif words[:1] == ['add'] and len(words) > 2 and words[1] in sets:
            sets[words[1]].entries.append(words[2])
            if _UNREAD.intersection(words):
                sets[words[1]] = sets[words[1]]._replace(has_exceptions=True)
    return sets


def boxes_of(name: str, sides: t.Sequence[str], sets: Sets, context: Context, depth: int = 0) -> t.List[Box]:
    """The packets that the set NAME has, its fields compared with SIDES (src, dst). Raises Unknown."""
    one = sets.get(name)
    if one is None or one.has_exceptions or depth > _MAX_DEPTH:
        raise Unknown
    if one.fields == ('set',):
        return [box for member in one.entries for box in boxes_of(member, sides, sets, context, depth + 1)]
    if len(sides) < len(one.fields):
        raise Unknown
    boxes: t.List[Box] = []
    for entry in one.entries:
        values = entry.split(',')
        if len(values) != len(one.fields):
            raise Unknown
        box: t.Dict[str, intervals.Intervals] = {}
        for field, value, side in zip(one.fields, values, sides):
            box.update(_box(field, value, _SIDES[side], context))
        if all(box.values()):
            boxes.append(box)
    return boxes


def _box(field: str, value: str, side: str, context: Context) -> t.Dict[str, intervals.Intervals]:
    if field in ('ip', 'net'):
        if traffic.family(value) != context.family:
            return {side: ()}
        return {side: (traffic.interval(value),)}
    if field == 'port':
        protocol, colon, ports = value.rpartition(':')
        low, _dash, high = ports.partition('-')
        span = ((int(low), int(high or low)),)
        numbers = [_PROTOCOLS[protocol]] if colon else sorted(_PROTOCOLS.values())
        return {'protocol': intervals.merge((number, number) for number in numbers), f'{side}_port': span}
    if field == 'iface' and ':' not in value:
        return {'input' if side == 'source' else 'output': context.surroundings.matching([value])}
    raise Unknown
