# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufw makes of its files: for each family, one transaction with the effect of all steps of its start."""

from __future__ import annotations

import os
import typing as t

from ..._base.commands import exists, run
from . import administrator_files, kernel, user_rules
from .settings import Settings
from .user_rules import CHAINS, PREFIXES

_STEPS = ('before-logging', 'before', 'after', 'after-logging', 'reject', 'track')
_CHAIN_NAMES = (
    *(f'{step}-{chain}' for step in (*_STEPS, 'skip-to-policy', 'user', 'user-logging') for chain in CHAINS),
    *('logging-deny', 'logging-allow', 'user-limit', 'user-limit-accept'),
)


def ufw_chains(family: str, texts: t.Dict[str, str]) -> t.Set[str]:
    """The chains that are ufw's: those that it creates itself, and those with its prefix that its files TEXTS declare.

    A chain that a script or a person created is not ufw's, whatever its name.
    """
    prefix = PREFIXES[family]
    declared = {name for path in _paths(family) for name in administrator_files.declared_chains(path, texts[path])}
    return {name for name in declared if name.startswith(f'{prefix}-')} | {f'{prefix}-{name}' for name in _CHAIN_NAMES}


def compose(family: str, texts: t.Dict[str, str], settings: Settings) -> str:
    """The transaction that turns an empty filter table into what the files TEXTS and SETTINGS define."""
    prefix = PREFIXES[family]
    declarations = [f':{chain.upper()} {_verdict(settings.policies[chain])} [0:0]' for chain in CHAINS]
    declarations += [f':{prefix}-{name} - [0:0]' for name in _CHAIN_NAMES]
    rules = [f'-A {chain.upper()} -j {prefix}-{step}-{chain}' for chain in CHAINS for step in _STEPS]
    for chain in CHAINS:
        rules.extend(_default_policy(prefix, chain, settings.policies[chain]))
    for path in _paths(family):
        # a declaration empties its chain, in the middle of a file too, as a separate load would
        rules.extend(administrator_files.filter_lines(path, texts[path]))
    rules.extend(f'-A {prefix}-before-{chain} -j {prefix}-user-{chain}' for chain in CHAINS)
    return '\n'.join(['*filter', *declarations, *rules, 'COMMIT', ''])


def prepare(texts: t.Dict[str, str], settings: Settings) -> None:
    """What ufw does before it loads its rules: kernel modules, and tables other than filter."""
    for module in settings.values.get('IPT_MODULES', '').split():
        if exists('modprobe'):
            run(['modprobe', module], check=False)
    for family in ('ipv4', 'ipv6') if settings.ipv6 else ('ipv4',):
        text = _other_tables(family, texts)
        if text:
            kernel.load(family, text)


def finish(settings: Settings) -> None:
    """What ufw does after it has loaded its rules: settings of the kernel."""
    path = settings.values.get('IPT_SYSCTL', '')
    if path and os.path.exists(path) and exists('sysctl'):
        run(['sysctl', '-e', '-q', '-p', path], check=False)


def _paths(family: str) -> t.Tuple[str, str, str]:
    """The files of FAMILY in the order in which ufw loads them."""
    return administrator_files.BEFORE[family], administrator_files.AFTER[family], user_rules.PATHS[family]


def _other_tables(family: str, texts: t.Dict[str, str]) -> str:
    """Transactions of other tables (nat, mangle, raw) in before.rules and after.rules."""
    transactions: t.List[str] = []
    for path in (administrator_files.BEFORE[family], administrator_files.AFTER[family]):
        transactions.extend(
            '\n'.join([f'*{table}', *lines, 'COMMIT', ''])
            for table, lines in administrator_files.tables(path, texts[path])
            if table != 'filter'
        )
    return ''.join(transactions)


def _verdict(policy: str) -> str:
    return 'DROP' if policy == 'REJECT' else policy


def _default_policy(prefix: str, chain: str, policy: str) -> t.Iterator[str]:
    if policy == 'REJECT':
        yield f'-A {prefix}-reject-{chain} -j REJECT'
    if policy == 'ACCEPT':
        for protocol in ('tcp', 'udp'):
            yield f'-A {prefix}-track-{chain} -p {protocol} -m conntrack --ctstate NEW -j ACCEPT'
    yield f'-A {prefix}-skip-to-policy-{chain} -j {policy}'
