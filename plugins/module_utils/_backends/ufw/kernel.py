# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's filter table as iptables-save prints it."""

from __future__ import annotations

import os
import typing as t

from ..._base.commands import run
from ..._base.errors import BackendError, Refused
from ..._kernel.saving import COMMANDS
from .user_rules import PREFIXES

BUILT_IN = {'INPUT': 'input', 'OUTPUT': 'output', 'FORWARD': 'forward'}
_FOLDERS = ('/usr/sbin', '/sbin')
ACCEPT_ALL = dict.fromkeys(BUILT_IN, 'ACCEPT')


class Table(t.NamedTuple):
    """Chain -> its rules, and built-in chain -> its policy. Built-in chains contain the rules of all programs."""

    chains: t.Dict[str, t.Tuple[str, ...]]
    policies: t.Dict[str, str]

    def jumps(self, chain: str, ufw_chains: t.Container[str]) -> t.Tuple[str, ...]:
        """The rules of a built-in CHAIN that jump to UFW_CHAINS."""
        return tuple(rule for rule in self.chains.get(chain, ()) if target(rule) in ufw_chains)

    def has_ufw(self, family: str) -> bool:
        """Whether ufw has been started."""
        return f'{PREFIXES[family]}-user-input' in self.chains


Tables = t.Dict[str, Table]  # by family


def tool(family: str, suffix: str = '') -> str:
    """The full path of the iptables program that ufw calls; SUFFIX is "", "-save" or "-restore"."""
    name = f'{COMMANDS[family]}{suffix}'
    path = _find(name)
    if not path:
        raise BackendError(f'{name}: not found on this host, but needed to manage ufw; install the package iptables')
    return path


def require_one_variant() -> None:
    """Raise Refused if the kernel has chains of ufw from both nft and legacy: a packet would have to pass both."""
    program = os.path.realpath(tool('ipv4'))
    other = '-legacy' if program.endswith('xtables-nft-multi') else '-nft'
    has_legacy = any(os.path.exists(f'/proc/net/{name}_tables_names') for name in ('ip', 'ip6'))
    if other == '-legacy' and not has_legacy:
        return
    for family, name in COMMANDS.items():
        save = _find(f'{name}{other}-save')
        listing = run([save, '-t', 'filter'], check=False).stdout if save else ''
        if f'-A {PREFIXES[family]}-user-input ' in listing or f'-j {PREFIXES[family]}-before-input' in listing:
            raise Refused(
                f'the kernel has chains of ufw from {name}{other} in addition to those of '
                f'{os.path.basename(program)}, and a packet would have to pass both; remove those of {name}{other} (a '
                'reboot does), and leave update-alternatives --config iptables as it is'
            )


def program(family: str) -> str:
    """How _kernel.reader calls the program that has the tables of ufw."""
    is_legacy = os.path.realpath(tool(family)).endswith('xtables-legacy-multi')
    return f'{COMMANDS[family]}-legacy' if is_legacy else COMMANDS[family]


def read(family: str) -> Table:
    """The filter table as it is."""
    return parse(run([tool(family, '-save'), '-t', 'filter']).stdout)


def parse(text: str) -> Table:
    """The table in the TEXT that iptables-save prints."""
    chains: t.Dict[str, t.List[str]] = {}
    policies = {}
    for line in text.splitlines():
        if line.startswith(':'):
            name, policy = line[1:].split()[:2]
            chains[name] = []
            if policy != '-':
                policies[name] = policy
        elif line.startswith('-A '):
            chains.setdefault(line.split(None, 2)[1], []).append(line)
    return Table({name: tuple(rules) for name, rules in chains.items()}, policies)


def load(family: str, transaction: str) -> None:
    """Change the kernel by one TRANSACTION, wholly or not at all."""
    run([tool(family, '-restore'), '-w', '10', '-n'], text=transaction)


def decisive(chain: str, rules: t.Optional[t.Sequence[str]]) -> t.Optional[t.Tuple[str, ...]]:
    """RULES of CHAIN without those that make no difference: `ufw reload` and `ufw logging` remove the RETURN for all
    packets at the end of what a rule logs."""
    if rules is None:
        return None
    is_logging = '-user-logging-' in chain
    return tuple(rule for rule in rules if not (is_logging and rule == f'-A {chain} -j RETURN'))


def to_data(tables: Tables) -> t.Dict[str, t.Any]:
    """TABLES as plain data."""
    return {family: table._asdict() for family, table in tables.items()}


def from_data(data: t.Dict[str, t.Any]) -> Tables:
    """Tables from the result of `to_data`, by way of JSON."""
    return {
        family: Table({name: tuple(rules) for name, rules in table['chains'].items()}, dict(table['policies']))
        for family, table in data.items()
    }


def _find(name: str) -> t.Optional[str]:
    return next((f'{folder}/{name}' for folder in _FOLDERS if os.access(f'{folder}/{name}', os.X_OK)), None)


def target(rule: str) -> str:
    """The target of a RULE as iptables-save prints it."""
    return rule.rpartition(' -j ')[2]


def save_text(table: Table) -> str:
    """TABLE as iptables-save prints it."""
    heads = [f':{name} {table.policies.get(name, "-")} [0:0]' for name in {**table.policies, **table.chains}]
    return '\n'.join(['*filter', *heads, *(rule for rules in table.chains.values() for rule in rules), 'COMMIT', ''])
