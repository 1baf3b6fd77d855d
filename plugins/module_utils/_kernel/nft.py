# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of nftables, from what `nft -j -n list ruleset` prints."""

from __future__ import annotations

import typing as t

from . import nft_rules, nft_sets, rules
from .nft_sets import Sets
from .nft_values import Json
from .rules import Action, BaseChain, Place, Rule, Table
from .surroundings import Context

_FAMILIES = {
    'ip': ('ipv4',),
    'ip6': ('ipv6',),
    'inet': ('ipv4', 'ipv6'),
    'netdev': ('ipv4', 'ipv6'),
}


def read(objects: t.Sequence[Json], context: Context, dormant: t.Container[t.Tuple[str, str]] = ()) -> t.List[Table]:
    """The tables in OBJECTS that see packets of the family of CONTEXT; those DORMANT (family, name) see none."""
    tables: t.Dict[t.Tuple[str, str], Table] = {}
    sets: t.Dict[t.Tuple[str, str], Sets] = {}
    filled = _filled_sets(objects)
    for item in objects:
        ((kind, body),) = item.items()
        if kind == 'metainfo':
            continue
        key = (body['family'], body['name'] if kind == 'table' else body['table'])
        if context.family not in _FAMILIES.get(key[0], ()):
            continue
        table = tables.setdefault(key, Table('nft', *key, context.family, {}, ()))
        if kind == 'chain':
            table.chains.setdefault(body['name'], [])
            if 'hook' in body and key not in dormant:
                tables[key] = table._replace(bases=(*table.bases, _base(body)))
        elif kind in ('set', 'map'):
            if nft_sets.is_plain(body):
                sets.setdefault(key, {})[body['name']] = nft_sets.entries(body.get('elem', ()))
        elif kind == 'rule':
            has_extensions = any('xt' in statement for statement in body['expr'])
            place = Place('nft', *key, body['chain'], handle=body['handle'], has_extensions=has_extensions)
            known = {name: one for name, one in sets.get(key, {}).items() if (*key, name) not in filled}
            found = _rules_of(context, known, place, body['expr'])
            table.chains.setdefault(body['chain'], []).extend(found or [Rule((), Action(rules.CONTINUE), place)])
    return list(tables.values())


def _filled_sets(objects: t.Iterable[Json]) -> t.Set[t.Tuple[str, str, str]]:
    """(family, table, set) of the sets that rules themselves fill: what is in them changes with each packet."""
    return {
        (item['rule']['family'], item['rule']['table'], str(statement[kind].get('set')).lstrip('@'))
        for item in objects
        if 'rule' in item
        for statement in item['rule']['expr']
        for kind in ('set', 'map')
        if isinstance(statement.get(kind), dict)
    }


def _rules_of(context: Context, sets: Sets, place: Place, statements: Json) -> t.List[Rule]:
    """What a rule with these STATEMENTS is here."""
    try:
        return list(nft_rules.RuleReader(context, sets, place).read(statements))
    except Exception:  # pylint: disable=broad-exception-caught
        # a form that no version of nft is known to print: it may do anything
        return [Rule((), Action(rules.ASK), place, False)]


def _base(body: Json) -> BaseChain:
    policy = rules.DENY if body.get('policy') == 'drop' else rules.ACCEPT
    return BaseChain(body['name'], body['hook'], int(body['prio']), policy, body.get('type') == 'nat')
