# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of ICMP messages: "8", or "3/4" with a code. As an interval of numbers, a type and code is type * 256 + code,
so that they compare like ports."""

from __future__ import annotations

import re
import typing as t

from .intervals import Interval

# the names in catalogs (https://www.iana.org/assignments/icmp-parameters, .../icmpv6-parameters)
NAMES = {
    'icmp': {
        'echo-reply': '0',
        'destination-unreachable': '3',
        'fragmentation-needed': '3/4',
        'redirect': '5',
        'echo-request': '8',
        'router-advertisement': '9',
        'router-solicitation': '10',
        'time-exceeded': '11',
        'parameter-problem': '12',
        'timestamp-request': '13',
        'timestamp-reply': '14',
    },
    'icmpv6': {
        'destination-unreachable': '1',
        'packet-too-big': '2',
        'time-exceeded': '3',
        'parameter-problem': '4',
        'echo-request': '128',
        'echo-reply': '129',
        'router-solicitation': '133',
        'router-advertisement': '134',
        'neighbour-solicitation': '135',
        'neighbour-advertisement': '136',
        'redirect': '137',
    },
}
_NUMBERS = re.compile(r'(\d{1,3})(?:/(\d{1,3}))?')
_CODES = 256


def canonical(protocol: str, text: str) -> str:
    """TEXT, a name or numbers, as "type" or "type/code". Raises ValueError if it is neither."""
    text = NAMES[protocol].get(text, text)
    match = _NUMBERS.fullmatch(text)
    if not match or any(int(part or 0) >= _CODES for part in match.groups()):
        raise ValueError(text)
    return '/'.join(str(int(part)) for part in match.groups() if part is not None)


def interval(text: str) -> Interval:
    """The canonical TEXT as an interval; without a code, all of the type."""
    kind, slash, code = text.partition('/')
    first = int(kind) * _CODES + int(code or 0)
    return (first, first) if slash else (first, first + _CODES - 1)


def text(span: Interval) -> str:
    """The opposite of `interval`."""
    kind, code = divmod(span[0], _CODES)
    return f'{kind}/{code}' if span[0] == span[1] else f'{kind}'


def types(spans: t.Iterable[Interval]) -> t.Tuple[Interval, ...]:
    """The types, without their codes, that SPANS concern."""
    return tuple(sorted({(span[0] // _CODES, span[1] // _CODES) for span in spans}))


def name(protocol: str, canonical_text: str) -> t.Optional[str]:
    """The name of a type; None if it has none here."""
    return next((name for name, known in NAMES[protocol].items() if known == canonical_text), None)
