# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules of nftables compare in part, and change: flags, marks and fields of packets."""

from __future__ import annotations

import typing as t

from . import marks, nft_sets, packets, rules
from .nft_values import Json, flags
from .packets import Condition
from .rules import Action, Unknown

_BITS = 2**32 - 1
# fields that rules ask for
_ASKED = {'saddr', 'daddr', 'sport', 'dport', 'protocol', 'nexthdr', 'flags', 'type'}


def masked(operator: str, left: Json, right: Json) -> Condition:
    """FIELD & MASK compared with a value: flags of TCP and marks. Raises Unknown for others."""
    key, mask = left
    if not isinstance(key, dict) or operator not in ('==', '!='):
        raise Unknown
    if key.get('payload') == {'protocol': 'tcp', 'field': 'flags'}:
        wanted = tuple(flags(value) for value in nft_sets.items(right, {}))
        spans = packets.with_flags(flags(mask), wanted)
        return Condition(({'flags': spans},) if spans else (), operator == '!=')
    if key.get('payload') == {'protocol': 'ip', 'field': 'frag-off'} and right == 0:
        return Condition(({},) if operator == '==' else ())  # connection tracking has put fragments together
    if key.get('meta', {}).get('key') == 'mark' and isinstance(mask, int) and isinstance(right, int):
        return Condition(marks.boxes(right, mask), operator == '!=')
    raise Unknown


def comparison(operator: str, value: int) -> Json:
    ranges = {
        '<': (0, value - 1),
        '<=': (0, value),
        '>': (value + 1, _BITS),
        '>=': (value, _BITS),
    }
    return {'range': list(ranges[operator])}


def change(body: Json) -> Action:
    """A packet is changed: its mark, a field that rules ask for, or something else."""
    key = body['key']
    if key.get('payload', {}).get('field') in _ASKED:
        return Action(rules.ASK)
    if key.get('meta', {}).get('key') != 'mark':
        return Action(rules.CONTINUE)
    try:
        keep, flip = _bits(body['value'])
    except Unknown:
        return Action(rules.MARK)
    return Action(rules.MARK, keep=keep, flip=flip)


def _bits(value: Json) -> t.Tuple[int, int]:
    """(the bits of the former mark that stay, those that then change) in VALUE. Raises Unknown."""
    if isinstance(value, int) and not isinstance(value, bool):
        return 0, value
    if value == {'meta': {'key': 'mark'}}:
        return _BITS, 0
    if not isinstance(value, dict) or len(value) != 1:
        raise Unknown
    ((operator, operands),) = value.items()
    if operator not in ('|', '&', '^') or len(operands) != 2 or not isinstance(operands[1], int):
        raise Unknown
    (keep, flip), bits = _bits(operands[0]), operands[1]
    if operator == '&':
        return keep & bits, flip & bits
    return (keep & ~bits, flip & ~bits | bits) if operator == '|' else (keep, flip ^ bits)
