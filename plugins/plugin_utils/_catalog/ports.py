# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports as catalogs and inventories write them: numbers, ranges, names of options, and what is derived from those."""

from __future__ import annotations

import re
import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.policy import ports_text
from ...module_utils._model.traffic import Ports

_NUMBER = '0|[1-9][0-9]{0,4}'
_NAME = '[a-z][a-z0-9_]*'
_RANGE = re.compile(rf'(?P<low>{_NUMBER})(-(?P<high>{_NUMBER}))?')
_END = re.compile(rf'(?P<number>{_NUMBER})|(?P<option>{_NAME})(\+(?P<offset>{_NUMBER}))?')
LAST = 65535
TYPES = ('port', 'port_range', 'ports')  # of the options that stand for ports


class End(t.NamedTuple):
    """One end of a range: a number, or an option and what is added to it."""

    number: int
    option: str = ''


def ends(text: str) -> tuple[End, End] | None:
    """Both ends of the ports TEXT of a catalog, the same for a single one. None: it is something else."""
    low, dash, high = text.partition('-')
    first, last = _end(low), _end(high if dash else low)
    return (first, last) if first and last else None


def _end(text: str) -> End | None:
    match = _END.fullmatch(text)
    if not match:
        return None
    return End(int(match['number'])) if match['number'] else End(int(match['offset'] or 0), match['option'])


def parse_range(text: t.Any) -> Ports | None:
    """The port or range TEXT of an inventory; None if it is none, or out of range, or reversed."""
    match = _RANGE.fullmatch(str(text)) if not isinstance(text, (bool, float)) else None
    if not match:
        return None
    low, high = int(match['low']), int(match['high'] or match['low'])
    return (low, high) if 1 <= low <= high <= LAST else None


def options_in(entries: t.Iterable[str]) -> t.Iterator[str]:
    """The options that ENTRIES, ports of a catalog, name."""
    for entry in entries:
        yield from dict.fromkeys(end.option for end in ends(entry) or () if end.option)


def resolve(entries: t.Iterable[str], values: t.Mapping[str, t.Any], where: str) -> list[str]:
    """ENTRIES of a catalog with these VALUES of its options, in numeric order. Overlapping ones become one; adjacent
    ones stay as the document has them.

    Raises PortmatrixError for a derived port above 65535, and for a reversed range.
    """
    merged: list[Ports] = []
    for low, high in sorted({span for text in entries for span in _resolve(text, values, where)}):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return [ports_text(span) for span in merged]


def _resolve(text: str, values: t.Mapping[str, t.Any], where: str) -> t.Iterator[Ports]:
    low, high = t.cast('tuple[End, End]', ends(text))  # the catalog was checked when it was loaded
    if low == high and low.option and not isinstance(values[low.option], int):
        for one in values[low.option] if isinstance(values[low.option], list) else [values[low.option]]:
            yield t.cast(Ports, parse_range(one))
        return
    numbers = [end.number + (values[end.option] if end.option else 0) for end in (low, high)]
    if max(numbers) > LAST:
        raise PortmatrixError(
            f'{where}: port {text!r}: must be at most {LAST}, got {max(numbers)}; lower {low.option or high.option}'
        )
    if numbers[0] > numbers[1]:
        raise PortmatrixError(
            f'{where}: ports {text!r}: the range {numbers[0]}-{numbers[1]} is reversed; raise {high.option}, or lower '
            f'{low.option}'
        )
    yield numbers[0], numbers[1]
