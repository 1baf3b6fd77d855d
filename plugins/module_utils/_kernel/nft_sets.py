# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets and maps of nftables, and the values that they contain."""

from __future__ import annotations

import typing as t

from .rules import Unknown

Json = t.Any

Entries = t.List[Json]
Sets = t.Dict[str, Entries]  # by name


_PLAIN = {'val', 'timeout', 'expires', 'comment', 'counter'}


def is_plain(body: Json) -> bool:
    """Whether an entry of a set BODY is in it whenever it is listed: it has no rate and no quota of its own."""
    statements = [kind for part in body.get('stmt', ()) for kind in part]
    elements = [element['elem'] for element in body.get('elem', ()) if isinstance(element, dict) and 'elem' in element]
    return set(statements) <= {'counter'} and all(set(element) <= _PLAIN for element in elements)


def entries(elements: t.Iterable[Json]) -> Entries:
    """The entries of a set without their times and counters; of a map, pairs of key and value."""
    return [_bare(element) for element in elements]


def _bare(element: Json) -> Json:
    if isinstance(element, list) and len(element) == 2:
        return [value_of(element[0]), element[1]]
    return value_of(element)


def value_of(element: Json) -> Json:
    """The value of an ELEMENT that may have a time, a counter or a comment."""
    return element['elem']['val'] if isinstance(element, dict) and 'elem' in element else element


def items(right: Json, sets: Sets) -> Entries:
    """The values that RIGHT stands for: those of a set, or itself. Raises Unknown for a set that is not there."""
    if isinstance(right, str) and right.startswith('@'):
        if right[1:] not in sets:
            raise Unknown
        return sets[right[1:]]
    if isinstance(right, dict) and 'set' in right:
        return entries(right['set'])
    return [right]


def parts(value: Json) -> t.List[Json]:
    """The values of a concatenation."""
    if not isinstance(value, dict) or 'concat' not in value:
        raise Unknown
    return [value_of(part) for part in value['concat']]
