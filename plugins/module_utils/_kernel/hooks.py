# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where packets meet base chains, and in which order."""

from __future__ import annotations

import typing as t

from . import rules
from .rules import BaseChain, Ruleset, Table

HOOKS = {'ingress': ('ingress', 'prerouting', 'input'), 'egress': ('output', 'postrouting', 'egress')}
# where the kernel begins to track connections (NF_IP_PRI_CONNTRACK): before it, no packet has a state
TRACKING = {'ingress': 2**31, 'prerouting': -200, 'output': -200}


def bases(ruleset: Ruleset, hook: str, family: str) -> t.List[t.Tuple[Table, BaseChain]]:
    """The base chains that see packets of FAMILY at HOOK, in the order in which they are asked."""
    found = [
        (table, base)
        for table in ruleset.tables
        if table.packets == family
        for base in table.bases
        if base.hook == hook
    ]
    return sorted(found, key=lambda pair: _place_in_time(pair[1]))


def is_order_unknown(table: Table, base: BaseChain, others: t.Iterable[t.Tuple[Table, BaseChain]]) -> bool:
    """Whether a chain of another table at the same place may set a mark before BASE is asked, or after it."""
    same = [other for other, one in others if _place_in_time(one) == _place_in_time(base)]
    sets_marks = any(
        rule.action.kind == rules.MARK for other in same for chain in other.chains.values() for rule in chain
    )
    return sets_marks and any(other.key != table.key for other in same)


def _place_in_time(base: BaseChain) -> t.Tuple[int, int]:
    """Chains of address translation have one place at each hook, and an order among themselves."""
    place = {'prerouting': -100, 'output': -100}.get(base.hook, 100) if base.is_nat else base.priority
    return place, base.priority
