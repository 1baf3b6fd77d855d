# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules in nft's own language, from the JSON of nft."""

from __future__ import annotations

import json
import typing as t

from .expressions import Expression, NftRule, address_text, items


def of_rule(rule: NftRule) -> str:
    """RULE in nft's language."""
    return ' '.join(map(_words, rule))


def _words(part: Expression) -> str:
    """One expression; in JSON if it is of a kind that firewalld seldom writes."""
    try:
        return _known_words(part)
    except (KeyError, TypeError, ValueError):
        return json.dumps(part)


def _known_words(part: Expression) -> str:
    if 'match' in part:
        left, right, operator = part['match']['left'], part['match']['right'], part['match']['op']
        ((kind, field),) = left.items()
        name = f'{field["protocol"]} {field["field"]}' if kind == 'payload' else field['key']
        prefix = 'ct ' if kind == 'ct' else ''
        return f'{prefix}{name} {"!= " if operator == "!=" else ""}{_value(right)}'
    ((kind, value),) = part.items()
    if kind == 'limit':
        return f'limit rate {value["rate"]}/{value.get("per", "second")}'
    if kind == 'ct helper':
        return f'ct helper set {value}'
    if kind == 'reject' and value and value.get('type') in ('icmp', 'icmpv6'):
        return f'reject with {value["type"]}'
    return kind if kind in ('accept', 'drop', 'reject', 'return', 'log') else json.dumps(part)


def _value(right: t.Any) -> str:
    texts = list(map(_item_text, items(right)))
    return texts[0] if len(texts) == 1 else f'{{ {", ".join(texts)} }}'


def _item_text(item: t.Any) -> str:
    if isinstance(item, dict) and 'range' in item:
        return '-'.join(map(str, item['range']))
    try:
        return str(item) if isinstance(item, int) else address_text(item)
    except (KeyError, TypeError):
        return json.dumps(item)
