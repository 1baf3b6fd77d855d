# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables that both iptables and nft list.

iptables prints what it has not written itself as something else, without a word; nft does not print what the extensions
of iptables ask for. So each rule is taken from the program that knows it.
"""

from __future__ import annotations

import itertools
import typing as t

from .rules import BY_NFT, WITH_EXTENSIONS, Rule, Table


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
    groups = [list(group) for _handle, group in itertools.groupby(listed, key=lambda rule: rule.place.handle)]
    if len(groups) != len(printed):
        return list(listed)  # it has changed in between
    rules: t.List[Rule] = []
    for line, group in zip(printed, groups):
        dialect = group[0].place.dialect
        if dialect == WITH_EXTENSIONS:
            rules.append(line)
        elif dialect == BY_NFT:
            rules += [rule._replace(place=rule.place._replace(text=line.place.text)) for rule in group]
        else:
            rules += [rule._replace(place=line.place) for rule in group]
    return rules


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
