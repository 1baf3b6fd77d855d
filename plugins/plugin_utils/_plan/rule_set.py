# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of one host while they are collected: what is documented twice is one rule with both citations."""

from __future__ import annotations

from ...module_utils._model.directions import INGRESS
from ...module_utils._model.peers import Peers
from .._catalog.listeners import Listening
from .._catalog.model import Flow
from .rules import Rule

_Key = tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...], Peers]


class RuleSet:
    def __init__(self) -> None:
        self._rules: dict[_Key, Rule] = {}

    def add(self, direction: str, flow: Flow, component: str, listening: Listening, peers: Peers) -> None:
        """Add a rule for each protocol of FLOW."""
        to = listening.groups if direction == INGRESS else ()
        doubts = (flow.doubtful,) if flow.doubtful else ()
        for protocol in flow.protocols:
            key = (direction, protocol, listening.ports, flow.icmp_types, to, peers)
            rule = self._rules.get(key)
            if rule is None:
                self._rules[key] = Rule(
                    direction,
                    protocol,
                    listening.ports,
                    component,
                    peers,
                    (flow.name,),
                    flow.citations,
                    flow.assumed,
                    flow.icmp_types,
                    to,
                    doubts,
                )
                continue
            new_citations = (citation for citation in flow.citations if citation not in rule.citations)
            # what one flow states without doubt is not doubtful
            both = rule.doubtful and doubts
            self._rules[key] = rule._replace(
                flows=tuple(dict.fromkeys((*rule.flows, flow.name))),
                assumed=rule.assumed and flow.assumed,
                citations=(*rule.citations, *new_citations),
                doubtful=tuple(dict.fromkeys((*rule.doubtful, *doubts))) if both else (),
            )

    def rules(self) -> tuple[Rule, ...]:
        return tuple(sorted(self._rules.values(), key=Rule.order))
