# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a policy in force that allow management access."""

from __future__ import annotations

import typing as t

from ..._model import intervals as intervals_of, policy as policies, traffic
from ..._model.directions import INGRESS
from ..._model.peers import Any, Peers
from .documents import Documents, RichRule, description_key


def rules(documents: Documents) -> t.List[RichRule]:
    """The rules that allow management access."""
    return [
        rule
        for document in documents.active.values()
        if document.direction == INGRESS
        for rule in document.rules
        if policies.GUARD in document.described.get(description_key(rule), ())
    ]


def sources(documents: Documents, port: int) -> t.Optional[Peers]:
    """From where the guard allows access to PORT; None if it does not."""
    spans: t.Dict[str, t.List[intervals_of.Interval]] = {family: [] for family in traffic.FAMILIES}
    for rule in rules(documents):
        low, high = policies.parse_ports(rule.value)
        families = [rule.family] if rule.family else list(traffic.FAMILIES)
        for family in families if low <= port <= high else ():
            whole = traffic.whole_family(family)
            spans[family].append(whole if isinstance(rule.peer, Any) else traffic.interval(rule.peer))
    if not any(spans.values()):
        return None
    return traffic.peers_in({family: intervals_of.merge(intervals) for family, intervals in spans.items()})
