# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a host in words for an operator: the same words for every back end, for diffs and for `gathered`."""

from __future__ import annotations

import typing as t

from . import peers as peers_of, traffic
from .directions import preposition
from .peers import ANY, Any, Members, Peer, Peers

MAX_PEERS = 8
MAX_LINES = 400
MAX_SOURCES = 5


class AtomicRule(t.NamedTuple):
    """One port and one peer of a rule in a firewall; independent of how the firewall combines ports and peers."""

    direction: str
    protocol: str
    ports: str
    peer: Peer
    flows: t.Tuple[str, ...]


class DisplayRule(t.NamedTuple):
    """One line of a report. `ports` is "443", "80-90, 443", or "" for protocols without ports."""

    direction: str
    protocol: str
    ports: str
    peers: Peers
    flows: t.Tuple[str, ...]

    def text(self) -> str:
        return f'{self.traffic_text()} ({", ".join(self.flows) or "no flow of the catalogs"})'

    def traffic_text(self) -> str:
        """The line without its flows: "ingress tcp 443 from 192.0.2.1"."""
        service = f'{self.protocol} {self.ports}'.strip()
        addresses = peers_of.to_data(self.peers)
        return f'{self.direction} {service} {preposition(self.direction)} {shorten(addresses, MAX_PEERS)}'


class Side(t.NamedTuple):
    """One side of a diff: lines about the firewall itself, and its rules."""

    state: t.List[str]
    rules: t.List[DisplayRule]


def shorten(texts: t.Sequence[str], limit: int) -> str:
    """TEXTS joined with commas; those beyond LIMIT are only counted."""
    more = f' and {len(texts) - limit} more' if len(texts) > limit else ''
    return ', '.join(texts[:limit]) + more


def display_rules(atomic_rules: t.Iterable[AtomicRule]) -> t.List[DisplayRule]:
    """One line for everything that the same flows open to the same peers, with all its ports.

    The same atomic rules give the same lines on every back end.
    """
    peers: t.Dict[t.Tuple[str, str, str, str, bool], t.Set[str]] = {}
    for rule in atomic_rules:
        for flow in rule.flows or ('',):
            key = (rule.direction, rule.protocol, rule.ports, flow, isinstance(rule.peer, Any))
            peers.setdefault(key, set()).update(() if isinstance(rule.peer, Any) else (rule.peer,))
    flows: t.Dict[t.Tuple[str, str, str, Peers], t.Set[str]] = {}
    for (direction, protocol, port, flow, is_any), addresses in peers.items():
        members = ANY if is_any else Members(tuple(sorted(addresses, key=_address_order)))
        flows.setdefault((direction, protocol, port, members), set()).update((flow,) if flow else ())
    ports: t.Dict[t.Tuple[str, str, Peers, t.Tuple[str, ...]], t.List[str]] = {}
    for (direction, protocol, port, members), names in flows.items():
        ports.setdefault((direction, protocol, members, tuple(sorted(names))), []).append(port)
    return [
        DisplayRule(direction, protocol, ', '.join(sorted(texts, key=_port_order)), members, names)
        for (direction, protocol, members, names), texts in ports.items()
    ]


def ordered(rules: t.Iterable[DisplayRule]) -> t.List[DisplayRule]:
    """RULES sorted; those that are open to any come before those with the same ports that are not."""
    return sorted(
        rules,
        key=lambda rule: (
            rule.direction,
            rule.protocol,
            rule.ports,
            () if isinstance(rule.peers, Any) else rule.peers.addresses,
            rule.flows,
        ),
    )


def to_data(rules: t.Iterable[DisplayRule]) -> t.List[t.Dict[str, t.Any]]:
    """RULES as plain data, for `gathered`."""
    return [dict(rule._asdict(), peers=peers_of.to_data(rule.peers), flows=list(rule.flows)) for rule in ordered(rules)]


def counts(before: t.Iterable[DisplayRule], after: t.Iterable[DisplayRule]) -> t.Dict[str, int]:
    """How many rules are added, removed and kept."""
    old, new = set(before), set(after)
    return {'added': len(new - old), 'removed': len(old - new), 'kept': len(old & new)}


def diff(before: Side, after: Side, header: str) -> t.Dict[str, str]:
    """Ansible's diff of two states. In a long one, rules that are kept are left out."""
    kept = set(before.rules) & set(after.rules)
    is_long = len(before.rules) + len(after.rules) > MAX_LINES
    texts = []
    for side in (before, after):
        rules = [rule for rule in ordered(side.rules) if not (is_long and rule in kept)]
        lines = [*side.state, *(rule.text() for rule in rules[:MAX_LINES])]
        if len(rules) > MAX_LINES:
            lines.append(f'... and {len(rules) - MAX_LINES} more rules')
        texts.append(''.join(f'{line}\n' for line in lines))
    return {
        'before_header': f'{header} (now)',
        'after_header': f'{header} (portmatrix)',
        'before': texts[0],
        'after': texts[1],
    }


def _port_order(ports: str) -> t.Tuple[t.Any, ...]:
    """Numbers before words, which Windows has for some ports."""
    numbers = ports.split('-') if ports else []
    return (0, *map(int, numbers)) if all(map(str.isdigit, numbers)) else (1, ports)


def _address_order(address: str) -> t.Tuple[t.Any, ...]:
    try:
        return (0, traffic.family(address), traffic.interval(address))
    except (OSError, ValueError):
        return (1, address, (0, 0))


def management_warning(ports: t.Iterable[int], sources: t.Sequence[str]) -> str:
    """That management access to PORTS is open from some SOURCES only, and that a default does not change that."""
    return (
        f'management access to port {", ".join(map(str, ports))} is open now from '
        f'{shorten(sources, MAX_SOURCES) or "nowhere"} only, and stays so; set portmatrix_management_sources to say '
        'from where it is to be open'
    )
