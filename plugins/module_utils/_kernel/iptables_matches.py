# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each option of a rule of iptables selects."""

from __future__ import annotations

import socket
import typing as t

from .._model import intervals, traffic
from . import marks, packets as packets_of
from .ipsets import Sets, boxes_of
from .iptables_options import Option
from .packets import Box, Condition
from .rules import Unknown
from .surroundings import Context

_PROTOCOLS = {'tcp': 6, 'udp': 17, 'sctp': 132, 'icmp': 1, 'ipv6-icmp': 58, 'esp': 50, 'ah': 51, 'gre': 47, 'vrrp': 112,
              'udplite': 136, 'dccp': 33, 'igmp': 2, 'ospf': 89, 'ipv6': 41, 'ipip': 4}  # fmt: skip
_STATES = {'INVALID': 0, 'ESTABLISHED': 1, 'RELATED': 2, 'NEW': 3, 'UNTRACKED': 4}
_FLAGS = {'FIN': 1, 'SYN': 2, 'RST': 4, 'PSH': 8, 'ACK': 16, 'URG': 32, 'ALL': 63, 'NONE': 0}
_SYN = _FLAGS['SYN']
_ALL_MARKS = 0xFFFFFFFF
NOTHING, ALL = Condition(()), Condition(({},))
Handler = t.Callable[[Option, Context, Sets], Condition]


def _box(**fields: intervals.Intervals) -> Condition:
    return Condition((fields,)) if all(fields.values()) else NOTHING


def _source(option: Option, context: Context, _sets: Sets) -> Condition:
    return _box(source=(_address(option.values[0], context),))


def _destination(option: Option, context: Context, _sets: Sets) -> Condition:
    return _box(destination=(_address(option.values[0], context),))


def _address(text: str, context: Context) -> intervals.Interval:
    address, _slash, mask = text.partition('/')
    if traffic.family(address) != context.family:
        raise Unknown
    if '.' in mask or ':' in mask:
        raise Unknown  # bits that are no prefix
    return traffic.interval(text)


def _interface(option: Option, context: Context, _sets: Sets) -> Condition:
    name = option.values[0]
    spans = context.surroundings.matching([f'{name[:-1]}*' if name.endswith('+') else name])
    return _box(**{'input' if option.name == '-i' else 'output': spans})


def _protocol(option: Option, _context: Context, _sets: Sets) -> Condition:
    number = protocol_number(option.values[0])
    return ALL if number == 0 else _box(protocol=((number, number),))


def protocol_number(text: str) -> int:
    """Raises OSError for an unknown name."""
    if text == 'all':
        return 0
    return int(text) if text.isdigit() else _PROTOCOLS[text] if text in _PROTOCOLS else socket.getprotobyname(text)


def _fragment(_option: Option, _context: Context, _sets: Sets) -> Condition:
    return NOTHING  # connection tracking has put them together


def _ports(field: str) -> Handler:
    def handler(option: Option, _context: Context, _sets: Sets) -> Condition:
        return _box(**{field: _port_spans(option.values[0])})

    return handler


def _either_port(option: Option, _context: Context, _sets: Sets) -> Condition:
    spans = _port_spans(option.values[0])
    return Condition(({'source_port': spans}, {'destination_port': spans}))


def _port_spans(text: str) -> intervals.Intervals:
    pairs = (part.partition(':') for part in text.split(','))
    return intervals.merge((int(low or 0), int(high or (65535 if colon else low))) for low, colon, high in pairs)


def _icmp_type(option: Option, _context: Context, _sets: Sets) -> Condition:
    number, slash, _code = option.values[0].partition('/')
    if slash:
        raise Unknown
    return ALL if number in ('any', '255') else _box(icmp_type=((int(number), int(number)),))


def _state(option: Option, _context: Context, _sets: Sets) -> Condition:
    # SNAT and DNAT: not of a packet that was sent elsewhere, which is followed no further
    named = [_STATES[name] for name in option.values[0].split(',') if name not in ('SNAT', 'DNAT')]
    return _box(state=intervals.merge((number, number) for number in named))


def _address_type(field: str) -> Handler:
    def handler(option: Option, context: Context, _sets: Sets) -> Condition:
        spans: t.List[intervals.Interval] = []
        for kind in option.values[0].split(','):
            if kind not in ('LOCAL', 'BROADCAST', 'MULTICAST', 'UNICAST'):
                raise Unknown
            spans += context.addresses(kind.lower())
            if kind == 'UNICAST' and context.family == 'ipv6':
                spans += context.addresses('local')
        return _box(**{field: intervals.merge(spans)})

    return handler


def _tcp_flags(option: Option, _context: Context, _sets: Sets) -> Condition:
    mask, wanted = (sum(_FLAGS[name] for name in value.split(',')) for value in option.values)
    return _box(flags=packets_of.with_flags(mask, (wanted,)))


def _syn(_option: Option, _context: Context, _sets: Sets) -> Condition:
    return _box(flags=packets_of.with_flags(_FLAGS['FIN'] | _FLAGS['SYN'] | _FLAGS['RST'] | _FLAGS['ACK'], (_SYN,)))


def _mark(option: Option, _context: Context, _sets: Sets) -> Condition:
    value, _slash, mask = option.values[0].partition('/')
    return Condition(marks.boxes(int(value, 0), int(mask or str(_ALL_MARKS), 0)))


def _address_range(field: str) -> Handler:
    def handler(option: Option, _context: Context, _sets: Sets) -> Condition:
        return _box(**{field: (traffic.interval(option.values[0]),)})

    return handler


def _set(option: Option, context: Context, sets: Sets) -> Condition:
    name, sides = option.values
    boxes: t.Tuple[Box, ...] = packets_of.united(boxes_of(name, sides.split(','), sets, context))
    if len(boxes) > packets_of.MAX_BOXES:
        raise Unknown
    return Condition(boxes)


def _always(_option: Option, _context: Context, _sets: Sets) -> Condition:
    return ALL


def _never(_option: Option, _context: Context, _sets: Sets) -> Condition:
    return NOTHING


HANDLERS: t.Dict[str, Handler] = {
    '-s': _source,
    '-d': _destination,
    '-i': _interface,
    '-o': _interface,
    '-p': _protocol,
    '-f': _fragment,
    '--dport': _ports('destination_port'),
    '--dports': _ports('destination_port'),
    '--sport': _ports('source_port'),
    '--sports': _ports('source_port'),
    '--ports': _either_port,
    '--icmp-type': _icmp_type,
    '--icmpv6-type': _icmp_type,
    '--ctstate': _state,
    '--state': _state,
    '--src-type': _address_type('source'),
    '--dst-type': _address_type('destination'),
    '--tcp-flags': _tcp_flags,
    '--syn': _syn,
    '--mark': _mark,
    '--src-range': _address_range('source'),
    '--dst-range': _address_range('destination'),
    '--match-set': _set,
    '--set': _always,  # of recent: it remembers the address
    '--physdev-is-bridged': _never,  # what this host itself sends or receives is not
}
