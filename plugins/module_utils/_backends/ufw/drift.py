# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the kernel deviates from what ufw's files define."""

from __future__ import annotations

import collections
import typing as t

from . import administrator_files, display, kernel, managed_section, startup, trial
from .edits import Texts
from .former import Former
from .kernel import Table, Tables
from .settings import Settings

MAX_LINES = 50


def expected_tables(families: t.Iterable[str], texts: Texts, settings: Settings, former: Former) -> Tables:
    """What the kernel contains if it follows TEXTS and SETTINGS.

    A ufw that is off has no chains; the built-in ones then have the policies that they had before portmatrix.
    """
    if not settings.enabled:
        return {family: Table({}, {**kernel.ACCEPT_ALL, **former.policies.get(family, {})}) for family in families}
    return trial.canonical({family: startup.compose(family, texts, settings) for family in families})


def without_managed(live: Tables, before: Texts, after: Texts, settings: Settings) -> Tables:
    """What the kernel contains once the files BEFORE have become AFTER, which have nothing managed, taken from what it
    has now (LIVE): for files of an administrator that do not load any more."""
    own, sections = (
        trial.canonical({family: startup.compose(family, texts, settings) for family in live})
        for texts in ({**after, **_only_managed({})}, {**after, **_only_managed(before)})
    )
    tables = {}
    for family, table in live.items():
        chains = {}
        for name, rules in table.chains.items():
            if '-user-' in name and name in own[family].chains:
                chains[name] = own[family].chains[name]
                continue
            managed = set(sections[family].chains.get(name, ())) - set(own[family].chains.get(name, ()))
            chains[name] = tuple(rule for rule in rules if rule not in managed)
        tables[family] = Table(chains, own[family].policies)
    return tables


def _only_managed(texts: Texts) -> Texts:
    """The administrator's files with nothing in them but the managed sections of TEXTS."""
    paths = (*administrator_files.BEFORE.values(), *administrator_files.AFTER.values())
    return {path: managed_section.section(texts.get(path, '')) or '*filter\nCOMMIT\n' for path in paths}


def deviations(live: Tables, expected: Tables, ufw_chains: t.Mapping[str, t.Container[str]]) -> t.List[str]:
    """Lines on how the tables LIVE in the kernel differ from EXPECTED in UFW_CHAINS."""
    return [line for family in live for line in _deviations(family, live[family], expected[family], ufw_chains[family])]


def _deviations(family: str, live: Table, expected: Table, ufw_chains: t.Container[str]) -> t.List[str]:
    if not live.has_ufw(family):
        return [f'drift: the kernel has no rules of ufw ({family})']
    lines: t.List[str] = []
    have, want = (
        {name: rules for name, rules in table.chains.items() if name in ufw_chains} for table in (live, expected)
    )
    for name in sorted({*have, *want}):
        lines.extend(_chain_deviations(name, have.get(name), want.get(name)))
    for chain, policy in expected.policies.items():
        if live.policies.get(chain) != policy:
            lines.append(f'drift: the policy of {chain} ({family}) is {live.policies.get(chain)}, not {policy}')
        if live.jumps(chain, ufw_chains) != expected.jumps(chain, ufw_chains):
            lines.append(f'drift: {chain} ({family}) does not jump to the chains of ufw as it should')
        wanted = [rule for rule in expected.chains.get(chain, ()) if rule not in live.chains.get(chain, ())]
        jumps = expected.jumps(chain, ufw_chains)
        lines.extend(f'drift, missing in the kernel: {display.line_text(rule)}' for rule in wanted if rule not in jumps)
    more = [f'drift: and {len(lines) - MAX_LINES} more deviations'] if len(lines) > MAX_LINES else []
    return [*lines[:MAX_LINES], *more]


def _chain_deviations(
    name: str, live: t.Optional[t.Sequence[str]], expected: t.Optional[t.Sequence[str]]
) -> t.Iterator[str]:
    """How one chain differs; None is a chain that does not exist, which is not the same as one without rules."""
    live, expected = kernel.decisive(name, live), kernel.decisive(name, expected)
    have, want = collections.Counter(live or ()), collections.Counter(expected or ())
    for where, extra in (('only in the kernel', have - want), ('missing in the kernel', want - have)):
        yield from (f'drift, {where}: {display.line_text(rule)}' for rule in sorted(extra.elements()))
    if live is None and not want:
        yield f'drift: the chain {name} is missing in the kernel'
    elif expected is None and not have:
        yield f'drift: the chain {name} is only in the kernel'
    elif have == want and list(live or ()) != list(expected or ()):
        yield f'drift: the rules of {name} are in another order'
