# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values and keys of rules as `nft -j -n` prints them: everything that has a number is one."""

from __future__ import annotations

import typing as t

from .._model import intervals, traffic
from .._model.intervals import Interval, Intervals
from . import packets as packets_of
from .packets import Box
from .rules import Unknown
from .surroundings import Context

FAMILIES = {'ip': 'ipv4', 'ip6': 'ipv6'}
_PORTS = {'tcp': 6, 'udp': 17, 'sctp': 132, 'dccp': 33, 'udplite': 136}
_NUMBERS = {**_PORTS, 'icmp': 1, 'icmpv6': 58, 'esp': 50, 'ah': 51, 'comp': 108}
WITH_PORTS = intervals.merge((number, number) for number in _PORTS.values())
_STATE_BITS = (1, 2, 4, 8, 64)
_FIB_TYPES = {1: 'unicast', 2: 'local', 3: 'broadcast', 5: 'multicast'}
_NFPROTO = {2: 'ipv4', 10: 'ipv6'}
# some versions of nft print the number with its bytes exchanged
_ETHERTYPE = {0x0800: 'ipv4', 0x86DD: 'ipv6', 0x0008: 'ipv4', 0xDD86: 'ipv6', 'ip': 'ipv4', 'ip6': 'ipv6'}
_OTHER_ETHERTYPE = 0x0806  # ARP
_DNAT = 32
Json = t.Any


class Selected(t.NamedTuple):
    """The packets that are selected: those in a box (None: no packet), or if it is not `is_known` some of them."""

    box: t.Optional[Box]
    is_known: bool = True


_ALL, _NOTHING = Selected({}), Selected(None)


def select(key: Json, value: Json, context: Context) -> Selected:
    """What it means that KEY (the left side of a match) has VALUE, which is no list. Raises Unknown."""
    if not isinstance(key, dict):
        raise Unknown
    ((kind, field),) = key.items()
    if kind not in _SELECTORS:
        raise Unknown
    return _SELECTORS[kind](field, value, context)


def has_key(key: Json, context: Context) -> t.Optional[Box]:
    """The packets that have KEY at all, which a match of it implies; None if no packet of the family of CONTEXT has."""
    parts = _parts(key)
    box: t.Dict[str, Intervals] = {}
    for part in parts:
        if 'exthdr' in part and (context.family != 'ipv6' or 'field' in part['exthdr']):
            return None  # packets that are asked about have no such headers
        if 'ct' in part and part['ct'].get('key') != 'state':
            box['state'] = packets_of.TRACKED
        protocol = 'tcp' if 'tcp option' in part else _protocol_of(part)
        if (FAMILIES.get(protocol) or traffic.ONLY_IN.get(protocol)) not in (None, context.family):
            return None
        numbers = ((_NUMBERS[protocol], _NUMBERS[protocol]),) if protocol in _NUMBERS else WITH_PORTS
        if protocol in _NUMBERS or protocol == 'th':
            box['protocol'] = intervals.common(box.get('protocol', packets_of.NUMBERS), numbers)
    return box if all(box.values()) else None


def reads_any_transport(key: Json) -> bool:
    """Whether KEY is a field of whatever protocol the packet has, which only those with ports have in common."""
    return any(_protocol_of(part) == 'th' for part in _parts(key))


def _parts(key: Json) -> t.List[t.Dict[str, t.Any]]:
    parts = key['concat'] if isinstance(key, dict) and 'concat' in key else [key]
    return [part for part in parts if isinstance(part, dict)]


def _protocol_of(key: Json) -> str:
    if isinstance(key, dict) and '&' in key:
        key = key['&'][0]
    payload = key.get('payload') if isinstance(key, dict) else None
    return str(payload.get('protocol', '')) if isinstance(payload, dict) else ''


def _payload(field: Json, value: Json, _context: Context) -> Selected:
    protocol, name = str(field.get('protocol')), str(field.get('field'))
    if protocol in FAMILIES and name in ('protocol', 'nexthdr'):
        return Selected({'protocol': (number(value),)})
    if protocol in FAMILIES and name in ('saddr', 'daddr'):
        return Selected({'source' if name == 'saddr' else 'destination': (address(value),)})
    if protocol == 'tcp' and name == 'flags':
        bits = flags(value)
        return Selected({'flags': packets_of.with_flags(255, tuple(one for one in range(256) if one & bits))})
    if name in ('sport', 'dport') and (protocol in _PORTS or protocol == 'th'):
        ports = 'source_port' if name == 'sport' else 'destination_port'
        return Selected({ports: (number(value),)})
    if protocol in ('icmp', 'icmpv6') and name == 'type':
        return Selected({'icmp_type': (number(value),)})
    raise Unknown


def _meta(field: Json, value: Json, context: Context) -> Selected:
    key = field['key']
    if key == 'l4proto':
        return Selected({'protocol': (number(value),)})
    if key in ('nfproto', 'protocol'):
        families: t.Dict[Json, str] = _NFPROTO if key == 'nfproto' else _ETHERTYPE
        if value not in families:
            raise Unknown
        return _ALL if families[value] == context.family else _NOTHING
    if key in ('iif', 'oif', 'iifname', 'oifname'):
        names = context.surroundings.matching([str(value)])
        return Selected({'input' if key.startswith('i') else 'output': names} if names else None)
    if key == 'mark':
        return Selected({'mark': (number(value, 32),)})
    raise Unknown  # pkttype, too: what the link layer says may be something else than the address


def _ct(field: Json, value: Json, _context: Context) -> Selected:
    key = field['key']
    if key == 'state':
        return Selected({'state': states(int(value))} if states(int(value)) else None)
    if key == 'direction':
        return _ALL if value in (0, 'original') else _NOTHING
    if key == 'status' and isinstance(value, int) and value == _DNAT:
        return _NOTHING  # what was sent to another address is followed no further
    raise Unknown


def _fib(field: Json, value: Json, context: Context) -> Selected:
    marks = set(field.get('flags', ()))
    if field.get('result') == 'oif' and isinstance(value, bool) and 'saddr' in marks:
        # peers are taken to be where the routes of this host lead to: filters of the return path let them pass
        return _ALL if value else _NOTHING
    kind = _FIB_TYPES.get(value)
    if field.get('result') != 'type' or kind is None or not marks & {'saddr', 'daddr'} or marks & {'iif', 'oif'}:
        raise Unknown
    spans = context.addresses(kind)
    return Selected({'source' if 'saddr' in marks else 'destination': spans} if spans else None)


_SELECTORS: t.Dict[str, t.Callable[[Json, Json, Context], Selected]] = {
    'payload': _payload,
    'meta': _meta,
    'ct': _ct,
    'fib': _fib,
    # packets that are asked about have no such headers
    'exthdr': lambda _field, value, _context: _ALL if value is False else _NOTHING,
}


def states(bits: int) -> Intervals:
    """The states of connection tracking in BITS."""
    return intervals.merge((state, state) for state, bit in enumerate(_STATE_BITS) if bits & bit)


def number(value: Json, bits: int = 16) -> Interval:
    """A number or a range of numbers; nft prints a range whose ends are aligned as a prefix of BITS."""
    if isinstance(value, bool):
        raise Unknown
    if isinstance(value, int):
        return value, value
    if isinstance(value, dict) and 'range' in value:
        low, high = value['range']
        return number(low)[0], number(high)[1]
    if isinstance(value, dict) and 'prefix' in value:
        first, size = number(value['prefix']['addr'])[0], 1 << (bits - value['prefix']['len'])
        return first, first + size - 1
    raise Unknown


def flags(value: Json) -> int:
    """Flags of TCP: a number, or a list of them."""
    if isinstance(value, list):
        return sum(map(flags, value))
    if isinstance(value, dict) and '|' in value:
        return flags(value['|'])
    if not isinstance(value, int):
        raise Unknown
    return value


def address(value: Json) -> Interval:
    """An address, prefix or range of addresses."""
    try:
        if isinstance(value, str):
            return traffic.interval(value)
        if 'prefix' in value:
            return traffic.interval(f'{value["prefix"]["addr"]}/{value["prefix"]["len"]}')
        low, high = value['range']
        return traffic.interval(low)[0], traffic.interval(high)[1]
    except (KeyError, TypeError, ValueError, OSError):
        raise Unknown from None
