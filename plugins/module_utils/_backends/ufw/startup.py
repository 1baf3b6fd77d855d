# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ufw makes of its files: the one transaction of each family that stands for everything that its start does step by step."""

from __future__ import annotations

import os
import typing as t

from ..._base.commands import exists, run
from . import before_rules, kernel, user_rules
from .settings import Settings
from .user_rules import PREFIXES, TARGETS

_STEPS = ('before-logging', 'before', 'after', 'after-logging', 'reject', 'track')
_NAMES = (
    *(f'{step}-{target}' for step in (*_STEPS, 'skip-to-policy', 'user', 'user-logging') for target in TARGETS),
    'logging-deny',
    'logging-allow',
)
_LIMITS = ('user-limit', 'user-limit-accept')


def owned(family: str, texts: t.Dict[str, str]) -> t.Set[str]:
    """The chains that are ufw's: those that it makes itself, and those with its prefix that its files TEXTS declare. Chains that a script or a person
    made belong to them, whatever they are called."""
    prefix = PREFIXES[family]
    paths = (before_rules.BEFORE[family], before_rules.AFTER[family], user_rules.PATHS[family])
    stated = {
        name for path in paths for name in before_rules.declared(path, texts[path]) if name.startswith(f'{prefix}-')
    }
    return stated | {f'{prefix}-{name}' for name in (*_NAMES, *_LIMITS)}


def compose(family: str, texts: t.Dict[str, str], settings: Settings) -> str:
    """The transaction that brings an empty filter table to what the files TEXTS (path -> content) and SETTINGS say."""
    prefix = PREFIXES[family]
    chains = [f'{prefix}-{name}' for name in (*_NAMES, *_LIMITS)]
    head = [f':{target.upper()} {_verdict(settings.policies[target])} [0:0]' for target in TARGETS] + [
        f':{chain} - [0:0]' for chain in chains
    ]
    rules = [f'-A {target.upper()} -j {prefix}-{step}-{target}' for target in TARGETS for step in _STEPS]
    for target in TARGETS:
        rules.extend(_policy(prefix, target, settings.policies[target]))
    for path in (before_rules.BEFORE[family], before_rules.AFTER[family], user_rules.PATHS[family]):
        for table, lines in before_rules.sections(path, texts[path]):
            if table == 'filter':
                # a chain that is declared is emptied, also in the middle of a file, as a load of its own would do
                rules.extend(lines)
    rules.extend(f'-A {prefix}-before-{target} -j {prefix}-user-{target}' for target in TARGETS)
    return '\n'.join(['*filter', *head, *rules, 'COMMIT', ''])


def before(texts: t.Dict[str, str], settings: Settings) -> None:
    """What ufw does before it loads its rules: kernel modules, and tables other than filter."""
    for module in settings.values.get('IPT_MODULES', '').split():
        if exists('modprobe'):
            run(['modprobe', module], check=False)
    for family in ('ipv4', 'ipv6') if settings.ipv6 else ('ipv4',):
        text = _other_tables(family, texts)
        if text:
            kernel.load(family, text)


def after(settings: Settings) -> None:
    """What ufw does once its rules are loaded: settings of the kernel."""
    path = settings.values.get('IPT_SYSCTL', '')
    if path and os.path.exists(path) and exists('sysctl'):
        run(['sysctl', '-e', '-q', '-p', path], check=False)


def _other_tables(family: str, texts: t.Dict[str, str]) -> str:
    """Transactions of other tables (nat, mangle, raw) in before.rules and after.rules, as ufw loads them when it starts."""
    found: t.List[str] = []
    for path in (before_rules.BEFORE[family], before_rules.AFTER[family]):
        found.extend(
            '\n'.join([f'*{table}', *lines, 'COMMIT', ''])
            for table, lines in before_rules.sections(path, texts[path])
            if table != 'filter'
        )
    return ''.join(found)


def _verdict(policy: str) -> str:
    return 'DROP' if policy == 'REJECT' else policy


def _policy(prefix: str, target: str, policy: str) -> t.Iterator[str]:
    if policy == 'REJECT':
        yield f'-A {prefix}-reject-{target} -j REJECT'
    if policy == 'ACCEPT':
        yield from (
            f'-A {prefix}-track-{target} -p {protocol} -m conntrack --ctstate NEW -j ACCEPT'
            for protocol in ('tcp', 'udp')
        )
    yield f'-A {prefix}-skip-to-policy-{target} -j {policy}'
