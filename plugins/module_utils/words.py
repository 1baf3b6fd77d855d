# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's rules in words that an operator reads: the same words for every back end, for diffs and for `gathered`."""

from __future__ import annotations

import typing as t

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
        what = f"{self.protocol} {'from port ' if self.source_port else ''}{self.ports}".strip()
        peers = ', '.join(self.peers[:MOST_PEERS]) or 'any'
        if len(self.peers) > MOST_PEERS:
            peers += f' and {len(self.peers) - MOST_PEERS} more'
        return f"{self.direction} {what} {'from' if self.direction == 'ingress' else 'to'} {peers} ({', '.join(self.flows) or 'no flow of the catalogs'})"


def counts(before: t.Iterable[Line], after: t.Iterable[Line]) -> t.Dict[str, int]:
    """How many rules come, go and stay."""
    old, new = set(before), set(after)
    return {'added': len(new - old), 'removed': len(old - new), 'kept': len(old & new)}


def diff(before: t.Tuple[t.List[str], t.List[Line]], after: t.Tuple[t.List[str], t.List[Line]], header: str) -> t.Dict[str, str]:
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
    return {'before_header': f'{header} (now)', 'after_header': f'{header} (portmatrix)', 'before': texts[0], 'after': texts[1]}
