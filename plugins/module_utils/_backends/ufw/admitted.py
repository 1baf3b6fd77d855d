# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From where the guard of portmatrix admits management access."""

from __future__ import annotations

import typing as t

from ..._model import intervals as intervals_of, traffic
from ..._model.peers import ANY, Peers
from ..._model.policy import GUARD
from . import notes
from .tuples import Tuple


def by_guard(rules: t.Mapping[str, t.Iterable[Tuple]], port: int) -> t.Optional[Peers]:
    """From where the managed RULES, by family, admit management access to PORT; None without such a rule."""
    spans: t.Dict[str, t.List[intervals_of.Interval]] = {family: [] for family in rules}
    for family, own in rules.items():
        for rule in own:
            if any(GUARD in flows and _includes(ports, port) for ports, flows in notes.flows_of(rule)):
                spans[family].append(traffic.interval(rule.src))
    return _peers(spans) if any(spans.values()) else None


def _peers(spans: t.Mapping[str, t.Iterable[intervals_of.Interval]]) -> Peers:
    merged = {family: intervals_of.merge(intervals) for family, intervals in spans.items()}
    if all(intervals == (traffic.whole_family(family),) for family, intervals in merged.items()):
        return ANY  # of a family that ufw does not manage, nothing is asked for
    return traffic.peers_in(merged)


def _includes(ports: str, port: int) -> bool:
    low, _dash, high = ports.partition('-')
    return bool(ports) and int(low) <= port <= int(high or low)
