# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one transaction of each family that turns the filter table from what it is into what ufw's files define.

Chains of ufw are replaced as a whole. In the built-in chains, rules of others stay where they are, between those that
ufw and its files put there.
"""

from __future__ import annotations

import collections
import typing as t

from . import kernel
from .kernel import BUILT_IN, Table, Tables, decisive, target

# built-in chain -> the rules in it that ufw's files define, or defined before
Known = t.Mapping[str, t.Collection[str]]
Rules = t.Sequence[str]


def known_rules(*tables: Table) -> t.Dict[str, t.List[str]]:
    """The rules of built-in chains in TABLES, which ufw's files define."""
    return {
        chain: list(dict.fromkeys(rule for table in tables for rule in table.chains.get(chain, ())))
        for chain in BUILT_IN
    }


def transaction(current: Table, wanted: Table, ufw_chains: t.Container[str], known: t.Optional[Known] = None) -> str:
    """What turns UFW_CHAINS from CURRENT into WANTED ("" if nothing differs).

    Equal chains are not touched. A chain that is not among UFW_CHAINS but that WANTED has is created if it is missing.
    KNOWN rules of built-in chains that are not WANTED are removed.
    """
    changed = _changed_chains(current, wanted, ufw_chains)
    declarations = [f':{name} - [0:0]' for name in changed]
    rules = [rule for name in changed for rule in wanted.chains[name]]
    for chain in BUILT_IN:
        if current.policies.get(chain, 'ACCEPT') != wanted.policies[chain]:
            declarations.append(f':{chain} {wanted.policies[chain]} [0:0]')
        rules.extend(_edits(current.chains.get(chain, ()), _built_in(chain, current, wanted, ufw_chains, known)))
    obsolete = [name for name in current.chains if name in ufw_chains and name not in wanted.chains]
    # a rule of another chain that jumps to an obsolete one would keep it from being deleted
    for name, others in current.chains.items():
        if name not in ufw_chains and name not in BUILT_IN:
            rules.extend(_deletion(rule) for rule in others if target(rule) in obsolete)
    rules.extend([*(f'-F {name}' for name in obsolete), *(f'-X {name}' for name in obsolete)])
    return '\n'.join(['*filter', *declarations, *rules, 'COMMIT', '']) if declarations or rules else ''


def result(current: Table, wanted: Table, ufw_chains: t.Container[str], known: t.Optional[Known] = None) -> Table:
    """What CURRENT is after that transaction."""
    chains = {name: rules for name, rules in current.chains.items() if name not in ufw_chains}
    chains.update({name: wanted.chains[name] for name in _changed_chains(current, wanted, ufw_chains)})
    chains.update(
        {name: current.chains[name] for name in wanted.chains if name in current.chains and name not in chains}
    )
    for chain in BUILT_IN:
        chains[chain] = tuple(_built_in(chain, current, wanted, ufw_chains, known))
    return Table(chains, {**current.policies, **wanted.policies})


def owned(table: Table, ufw_chains: t.Container[str], known: Known) -> Table:
    """TABLE without the rules of others in its built-in chains."""
    chains = dict(table.chains)
    for chain in BUILT_IN:
        mine = {*table.jumps(chain, ufw_chains), *known.get(chain, ())}
        chains[chain] = tuple(rule for rule in table.chains.get(chain, ()) if rule in mine)
    return table._replace(chains=chains)


def differing_families(
    expected: Tables, ufw_chains: t.Mapping[str, t.Container[str]], known: t.Mapping[str, Known]
) -> str:
    """The families in which the kernel differs from EXPECTED, "" if none."""
    return ', '.join(
        family
        for family, table in expected.items()
        if transaction(kernel.read(family), table, ufw_chains[family], known.get(family))
    )


def _changed_chains(current: Table, wanted: Table, ufw_chains: t.Container[str]) -> t.List[str]:
    changed = [
        name
        for name, rules in wanted.chains.items()
        if name in ufw_chains and decisive(name, current.chains.get(name)) != decisive(name, rules)
    ]
    missing = [
        name for name in wanted.chains if name not in ufw_chains and name not in BUILT_IN and name not in current.chains
    ]
    return [*changed, *missing]


def _built_in(
    chain: str, current: Table, wanted: Table, ufw_chains: t.Container[str], known: t.Optional[Known]
) -> t.List[str]:
    """The rules of a built-in CHAIN after the transaction."""
    now, after = current.chains.get(chain, ()), wanted.chains.get(chain, ())
    jumps, jumps_after = (table.jumps(chain, ufw_chains) for table in (current, wanted))
    owned = {*jumps, *after, *((known or {}).get(chain, ()))}
    if jumps != jumps_after or not jumps:
        # as ufw loads it: what its files insert comes first, its jumps and what they append last
        first = next((number for number, rule in enumerate(after) if rule in jumps_after), 0)
        return [*after[:first], *(rule for rule in now if rule not in owned), *after[first:]]
    wanted_count = collections.Counter(after)
    kept = [rule for rule in now if rule not in owned or wanted_count[rule]]
    for number, rule in enumerate(after):
        if rule not in kept:
            # at the beginning, or behind the rule that it follows in the files
            kept.insert(kept.index(after[number - 1]) + 1 if number else 0, rule)
    return kept


def _edits(now: Rules, after: Rules) -> t.Iterator[str]:
    """The deletions and insertions that turn NOW into AFTER."""
    surplus = collections.Counter(now) - collections.Counter(after)
    rules = list(now)
    for rule in surplus.elements():
        yield _deletion(rule)
        rules.remove(rule)
    # where the order differs, the rules of ufw are moved, or else all
    for is_moved in (_is_of_ufw, bool):
        for rule in [] if _is_subsequence(rules, after) else list(filter(is_moved, rules)):
            yield _deletion(rule)
            rules.remove(rule)
    for number, rule in enumerate(after):
        if number >= len(rules) or rules[number] != rule:
            is_last = number == len(rules)
            yield rule if is_last else _insertion(rule, number + 1)
            rules.insert(number, rule)


def _is_of_ufw(rule: str) -> bool:
    return target(rule).startswith('ufw')


def _is_subsequence(some: Rules, rules: Rules) -> bool:
    rest = iter(rules)
    return all(rule in rest for rule in some)


def _insertion(rule: str, number: int) -> str:
    _verb, chain, rest = rule.split(' ', 2)
    return f'-I {chain} {number} {rest}'


def _deletion(rule: str) -> str:
    return rule.replace('-A ', '-D ', 1)
