# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a document says must never be reachable, compared with the rules of a host."""

from __future__ import annotations

import typing as t

from ...module_utils._model import protocols
from ...module_utils._model.directions import INGRESS
from ...module_utils._model.peers import ANY
from ...module_utils._model.policy import parse_ports
from ...module_utils._model.traffic import overlap
from .rules import Mention, Rule


def contradictions(rules: t.Iterable[Rule], never_expose: t.Sequence[Mention]) -> t.Iterator[str]:
    """A warning for each rule that opens to any what NEVER_EXPOSE names."""
    for rule in rules:
        if rule.direction == INGRESS and rule.peers is ANY:
            names = sorted({mention.flow for mention in never_expose if _is_same_traffic(rule, mention)})
            if names:
                yield (
                    f'{rule.flows[0]}: {rule.protocol} {", ".join(rule.ports)}'.rstrip()
                    + f' is open to any, but its document says that it must never be exposed ({", ".join(names)}); set '
                    f'portmatrix_peers[{rule.peer!r}]'
                )


def _is_same_traffic(rule: Rule, mention: Mention) -> bool:
    if protocols.ALL in (rule.protocol, mention.protocol):
        return True
    if rule.protocol != mention.protocol:
        return False
    pairs = ((parse_ports(one), parse_ports(other)) for one in rule.ports for other in mention.ports)
    return not rule.ports or any(overlap(*pair) for pair in pairs)
