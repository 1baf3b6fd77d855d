# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of nftables, as `nft -j` prints them: which new packets one selects, and the rule in nft's own language."""

from __future__ import annotations

import typing as t

from ..._model import intervals as intervals_of, protocols, traffic
from ..._model.connection import Connection
from ..._model.directions import peer_side
from ..._model.intervals import Interval
from ..._model.traffic import Ports

Expression = t.Dict[str, t.Any]
NftRule = t.List[Expression]
# name of a set -> its entries; None: of another kind than addresses
Sets = t.Mapping[str, t.Optional[t.Sequence[str]]]
FAMILIES = {'ip': 'ipv4', 'ip6': 'ipv6'}
_NEW = {'new', 'untracked'}
_REJECTED = {'icmp': 'ipv4', 'icmpv6': 'ipv6'}


class Fields(t.NamedTuple):
    """The new packets that a rule selects. None and () stand for all; `peers` and `own` (addresses of this host) are of
    one `family`; `side` is the end that has the `ports`; an interface may end in "*". Without `exact`, something that
    is not known here restricts them further."""

    family: t.Optional[str] = None
    protocols: t.Tuple[str, ...] = ()
    side: str = ''
    ports: t.Tuple[Ports, ...] = ()
    peers: t.Optional[t.Tuple[Interval, ...]] = None
    own: t.Optional[t.Tuple[Interval, ...]] = None
    interfaces: t.Tuple[str, ...] = ()
    exact: bool = True

    def selects(self, connection: Connection, interface: str) -> t.Optional[bool]:
        """Whether the rule applies to a new CONNECTION at INTERFACE ("" if unknown); None if that is not known."""
        if self.family not in (None, traffic.family(connection.peer)) or 'tcp' not in (self.protocols or ('tcp',)):
            return False
        if self.peers is not None and not traffic.contains(self.peers, connection.peer):
            return False
        port = connection.other_port if self.side == 'source' else connection.port
        # each with whether it is known, and whether it is selected
        conditions = (
            (not self.interfaces, interface, any(_is_named(interface, name) for name in self.interfaces)),
            (not self.ports, port, any(low <= port <= high for low, high in self.ports)),
            (self.own is None, connection.local, bool(connection.local) and self._has_own(connection.local)),
        )
        if any(not is_any and known and not is_selected for is_any, known, is_selected in conditions):
            return False
        return True if self.exact and all(is_any or known for is_any, known, _selected in conditions) else None

    def _has_own(self, address: str) -> bool:
        return traffic.family(address) == self.family and traffic.contains(self.own or (), address)


_UNKNOWN = Fields(exact=False)


def _is_named(interface: str, name: str) -> bool:
    return interface.startswith(name[:-1]) if name.endswith('*') else interface == name


def read(direction: str, rule: NftRule, sets: Sets) -> t.Optional[Fields]:
    """What RULE, which ends with its verdict, selects in DIRECTION; None if no new packet."""
    # nft does not list the match of a family that the kind of rejection implies
    result: t.Optional[Fields] = Fields(family=_REJECTED.get(str((rule[-1].get('reject') or {}).get('type'))))
    for part in rule[:-1]:
        if result is not None:
            one = _part(direction, part, sets)
            result = None if one is None else _both(result, one)
    return result


def _part(direction: str, part: Expression, sets: Sets) -> t.Optional[Fields]:
    """One expression of a rule."""
    if 'match' not in part:
        return _UNKNOWN  # a limit
    left, right, is_equal = part['match']['left'], part['match']['right'], part['match']['op'] in ('==', 'in')
    try:
        if 'ct' in left:
            return _of_connection(left['ct']['key'], right, is_equal)
        if 'meta' in left:
            return _of_packet(left['meta']['key'], right) if is_equal else _UNKNOWN
        if left['payload']['protocol'] in FAMILIES:
            return _of_address(direction, left['payload'], right, is_equal, sets)
        return _of_ports(left['payload'], right, is_equal)
    except (KeyError, TypeError, ValueError, OSError):
        return _UNKNOWN


def _of_connection(key: str, right: t.Any, is_equal: bool) -> t.Optional[Fields]:
    if key == 'state':
        return Fields() if bool(_NEW & set(map(str, items(right)))) is is_equal else None
    # forwarded ports; they have a warning of their own
    return None if key == 'status' and 'dnat' in items(right) and is_equal else _UNKNOWN


def _of_packet(key: str, right: t.Any) -> Fields:
    if key == 'l4proto':
        return Fields(protocols=tuple(protocols.catalog_name(str(item)) for item in items(right)))
    if key == 'nfproto':
        return Fields(family=str(right))
    if key in ('iifname', 'oifname'):
        return Fields(interfaces=tuple(items(right)))
    return _UNKNOWN


def _of_address(direction: str, field: t.Dict[str, str], right: t.Any, is_equal: bool, sets: Sets) -> Fields:
    family = FAMILIES[field['protocol']]
    entries: t.List[str] = []
    for item in items(right):
        known = sets[item[1:]] if isinstance(item, str) and item.startswith('@') else (address_text(item),)
        if known is None or field['field'] not in ('saddr', 'daddr'):
            return Fields(family=family, exact=False)
        entries.extend(known)
    spans = intervals_of.merge(map(traffic.interval, entries))
    if not is_equal:
        spans = intervals_of.without((traffic.whole_family(family),), spans)
    is_peer = field['field'] == peer_side(direction)[0] + 'addr'
    return Fields(family=family, peers=spans) if is_peer else Fields(family=family, own=spans)


def _of_ports(field: t.Dict[str, str], right: t.Any, is_equal: bool) -> Fields:
    name = protocols.catalog_name(field['protocol'])
    selected = () if name == 'th' else (name,)  # th: any protocol that has ports there
    if name not in (*protocols.NUMBERS, 'th'):
        return _UNKNOWN
    if field['field'] not in ('dport', 'sport') or not is_equal:
        return Fields(family=traffic.ONLY_IN.get(name), protocols=selected, exact=False)
    ranges = [item['range'] if isinstance(item, dict) else (item, item) for item in items(right)]
    side = 'destination' if field['field'] == 'dport' else 'source'
    return Fields(protocols=selected, side=side, ports=tuple((int(low), int(high)) for low, high in ranges))


def _both(one: Fields, other: Fields) -> t.Optional[Fields]:
    """What both select; None if nothing."""
    if one.family and other.family and one.family != other.family:
        return None
    if one.ports and other.ports and one.side != other.side:
        other = other._replace(side='', ports=(), exact=False)
    merged: t.Dict[str, t.Any] = {}
    for name in ('protocols', 'interfaces'):
        values, others = getattr(one, name), getattr(other, name)
        merged[name] = tuple(value for value in values if value in others) if values and others else values or others
        if values and not merged[name]:
            return None
    for name in ('peers', 'own'):
        spans, more = getattr(one, name), getattr(other, name)
        merged[name] = (
            intervals_of.common(spans, more) if None not in (spans, more) else more if spans is None else spans
        )
        if merged[name] == ():
            return None
    ports = one.ports or other.ports
    if one.ports and other.ports:
        ports = intervals_of.common(intervals_of.merge(one.ports), intervals_of.merge(other.ports))
    if one.ports and not ports:
        return None
    return Fields(
        family=one.family or other.family,
        side=one.side or other.side,
        ports=ports,
        exact=one.exact and other.exact,
        **merged,
    )


def items(right: t.Any) -> t.List[t.Any]:
    """The elements of an anonymous set, or the one value."""
    if isinstance(right, dict) and 'set' in right:
        return list(right['set'])
    return list(right) if isinstance(right, list) else [right]


def address_text(element: t.Any) -> str:
    """An address, CIDR or range in nft's JSON as text."""
    if isinstance(element, str):
        return element
    if 'elem' in element:
        return address_text(element['elem']['val'])
    if 'prefix' in element:
        return f'{element["prefix"]["addr"]}/{element["prefix"]["len"]}'
    return '-'.join(element['range'])


def without_counters(rule: NftRule) -> NftRule:
    """NftablesCounters of firewalld 2 adds a counter to every rule."""
    return [part for part in rule if 'counter' not in part]


def only_logs(rule: NftRule) -> bool:
    """LogDenied of firewalld adds a rule that logs before each one that denies."""
    kinds = {kind for part in rule for kind in part}
    return 'log' in kinds <= {'log', 'match', 'limit'}


def jump(rule: NftRule) -> t.Tuple[str, str]:
    """(jump or goto, the chain), both "" if RULE does neither."""
    for verb in ('jump', 'goto'):
        if rule and verb in rule[-1]:
            return verb, str(rule[-1][verb]['target'])
    return '', ''
