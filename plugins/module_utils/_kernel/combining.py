# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables that both iptables and nft list.

iptables prints what it has not written itself as something else, without a word; nft does not print what the extensions
of iptables ask for. So a rule with extensions is taken from iptables, and any other one from nft; it is one that
iptables has written if both mean the same.
"""

from __future__ import annotations

import itertools
import typing as t

from .rules import CONTINUE, Rule, Table


def combined(printed: t.Sequence[Table], listed: t.Sequence[Table]) -> t.List[Table]:
    """The tables that iptables has PRINTED and those that nft has LISTED, each once."""
    by_nft = {(table.family, table.name): table for table in listed}
    found: t.List[Table] = []
    for table in printed:
        same = None if table.program.endswith('-legacy') else by_nft.pop((table.family, table.name), None)
        found.append(_one(table, same) if same else table)
    return [*found, *by_nft.values()]


def _one(printed: Table, listed: Table) -> Table:
    chains = {name: _chain(printed.chains.get(name, []), rules) for name, rules in listed.chains.items()}
    return printed._replace(chains=chains, bases=listed.bases)


def _chain(printed: t.Sequence[Rule], listed: t.Sequence[Rule]) -> t.List[Rule]:
    groups = _groups(listed)
    if len(groups) != len(printed):
        return list(listed)  # it has changed in between
    rules: t.List[Rule] = []
    for line, group in zip(printed, groups):
        if group[0].place.has_extensions:
            rules.append(line)
        elif is_native(line, group):
            rules += [rule._replace(place=rule.place._replace(text=line.place.text)) for rule in group]
        else:
            rules += [rule._replace(place=line.place) for rule in group]
    return rules


def has_native(printed: t.Optional[Table], listed: Table) -> bool:
    """Whether nft has written rules of the table that it has LISTED, which iptables has PRINTED as others, or not."""
    for name, rules in listed.chains.items():
        lines = printed.chains.get(name, []) if printed else []
        groups = _groups(rules)
        if len(lines) != len(groups):
            return True
        for line, group in zip(lines, groups):
            if not group[0].place.has_extensions and is_native(line, group):
                return True
    return False


def _groups(rules: t.Iterable[Rule]) -> t.List[t.List[Rule]]:
    """RULES by those of nft, each of which may be several."""
    return [list(group) for _handle, group in itertools.groupby(rules, key=lambda rule: rule.place.handle)]


def is_native(line: Rule, group: t.Sequence[Rule]) -> bool:
    """Whether nft has written the rule that it lists as GROUP, and iptables prints as LINE, as something else."""
    if {line.action.kind} == {rule.action.kind for rule in group} == {CONTINUE}:
        return False  # it logs or counts
    return [(rule.conditions, rule.action, rule.is_known) for rule in group] != [
        (line.conditions, line.action, line.is_known)
    ]


def with_known_rules(table: Table, now: Table) -> Table:
    """TABLE, of which only the text is known; what it has in common with that of NOW is known from there."""
    chains = {}
    for name, rules in table.chains.items():
        known: t.Dict[str, t.List[t.List[Rule]]] = {}
        for text, group in itertools.groupby(now.chains.get(name, ()), key=lambda rule: rule.place.text):
            known.setdefault(text, []).append(list(group))
        chains[name] = [
            found for rule in rules for found in (known[rule.place.text][0] if rule.place.text in known else [rule])
        ]
    return table._replace(chains=chains)
