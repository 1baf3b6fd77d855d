# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's rules in words that an operator reads: the same words for every back end, for diffs and for `gathered`."""

from __future__ import annotations

import typing as t

from . import traffic

MOST_PEERS = 8
MOST_LINES = 400


class Line(t.NamedTuple):
    """One rule. `ports` is "443", "80-90" or "" for protocols without ports; `peers` is empty for any."""

    direction: str
    protocol: str
    ports: str
    peers: t.Tuple[str, ...]
    flows: t.Tuple[str, ...]
    source_port: bool = False

    def text(self) -> str:
        """Flow, direction, ports and peers in one line."""
        return f"{self.without_flows()} ({', '.join(self.flows) or 'no flow of the catalogs'})"

    def without_flows(self) -> str:
        what = f"{self.protocol} {'from port ' if self.source_port else ''}{self.ports}".strip()
        peers = ', '.join(self.peers[:MOST_PEERS]) or 'any'
        if len(self.peers) > MOST_PEERS:
            peers += f' and {len(self.peers) - MOST_PEERS} more'
        return f"{self.direction} {what} {'from' if self.direction == 'ingress' else 'to'} {peers}"


class Grant(t.NamedTuple):
    """What a firewall's own rule admits, in pieces that do not depend on how the firewall puts rules together; `peer` None is any."""

    direction: str
    protocol: str
    source_port: bool
    port: str
    peer: t.Optional[str]
    flows: t.Tuple[str, ...]


def lines(grants: t.Iterable[Grant]) -> t.List[Line]:
    """One line for what the same flows open to the same peers, all ports together; the same grants give the same lines on every back end."""
    peers: t.Dict[t.Tuple[str, str, bool, str, str, bool], t.Set[str]] = {}
    for grant in grants:
        for flow in grant.flows or ('',):
            found = peers.setdefault(
                (grant.direction, grant.protocol, grant.source_port, grant.port, flow, grant.peer is None), set()
            )
            found.update(() if grant.peer is None else (grant.peer,))
    flows: t.Dict[t.Tuple[str, str, bool, str, t.Tuple[str, ...]], t.Set[str]] = {}
    for (direction, protocol, source_port, port, flow, _any), members in peers.items():
        key = (direction, protocol, source_port, port, tuple(sorted(members, key=_order)))
        flows.setdefault(key, set()).update((flow,) if flow else ())
    ports: t.Dict[t.Tuple[str, str, bool, t.Tuple[str, ...], t.Tuple[str, ...]], t.List[str]] = {}
    for (direction, protocol, source_port, port, sorted_members), names in flows.items():
        ports.setdefault((direction, protocol, source_port, sorted_members, tuple(sorted(names))), []).append(port)
    return [
        Line(direction, protocol, ', '.join(sorted(found, key=_port_order)), sorted_members, sorted_names, source_port)
        for (direction, protocol, source_port, sorted_members, sorted_names), found in ports.items()
    ]


def _port_order(port: str) -> t.Tuple[int, ...]:
    return tuple(map(int, port.split('-'))) if port else ()


def _order(peer: str) -> t.Tuple[t.Any, ...]:
    try:
        return (0, traffic.family(peer), traffic.interval(peer))
    except (OSError, ValueError):
        return (1, peer, (0, 0))


def data(rules: t.Iterable[Line]) -> t.List[t.Dict[str, t.Any]]:
    """RULES as plain data, for `gathered`."""
    return [dict(line._asdict(), peers=list(line.peers) or ['any'], flows=list(line.flows)) for line in sorted(rules)]


def counts(before: t.Iterable[Line], after: t.Iterable[Line]) -> t.Dict[str, int]:
    """How many rules come, go and stay."""
    old, new = set(before), set(after)
    return {'added': len(new - old), 'removed': len(old - new), 'kept': len(old & new)}


def diff(
    before: t.Tuple[t.List[str], t.List[Line]], after: t.Tuple[t.List[str], t.List[Line]], header: str
) -> t.Dict[str, str]:
    """Ansible's diff of two states, each (lines about the firewall itself, rules). Lines that stay are left out of a long one."""
    stay = set(before[1]) & set(after[1])
    short = len(before[1]) + len(after[1]) > MOST_LINES
    texts = []
    for state, rules in (before, after):
        shown = [line for line in sorted(rules) if not (short and line in stay)]
        lines = [*state, *(line.text() for line in shown[:MOST_LINES])]
        if len(shown) > MOST_LINES:
            lines.append(f'... and {len(shown) - MOST_LINES} rules more')
        texts.append(''.join(f'{line}\n' for line in lines))
    return {
        'before_header': f'{header} (now)',
        'after_header': f'{header} (portmatrix)',
        'before': texts[0],
        'after': texts[1],
    }
