# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's filter table as iptables-save prints it, and the transactions that change it.

What files mean is asked of the kernel itself: they are loaded in a network namespace that exists for that moment only, and read back. So both sides
of every comparison are in one spelling, and a file that the kernel would refuse is found before anything has changed.
"""

from __future__ import annotations

import os
import re
import tempfile
import typing as t

from ..._base import files
from ..._base.commands import run
from ..._base.errors import BackendError, Refused
from .user_rules import PREFIXES

BUILT_IN = {'INPUT': 'input', 'OUTPUT': 'output', 'FORWARD': 'forward'}
_TOOLS = {'ipv4': 'iptables', 'ipv6': 'ip6tables'}
_FOLDERS = ('/usr/sbin', '/sbin')
_DIVIDER = '# portmatrix divider'
OPEN = dict.fromkeys(BUILT_IN, 'ACCEPT')


class Table(t.NamedTuple):
    """Chain -> its rules, and built-in chain -> its policy. Rules of built-in chains are those of everybody."""

    chains: t.Dict[str, t.Tuple[str, ...]]
    policies: t.Dict[str, str]

    def jumps(self, chain: str, owned: t.Container[str]) -> t.Tuple[str, ...]:
        """The rules of a built-in CHAIN that lead into chains that are OWNED by ufw."""
        return tuple(rule for rule in self.chains.get(chain, ()) if rule.rpartition(' -j ')[2] in owned)

    def runs(self, family: str) -> bool:
        """Whether ufw has been started."""
        return f'{PREFIXES[family]}-user-input' in self.chains


def tool(family: str, verb: str = '') -> str:
    """The program of iptables that ufw calls, by its full path."""
    name = f'{_TOOLS[family]}{verb}'
    for folder in _FOLDERS:
        if os.access(f'{folder}/{name}', os.X_OK):
            return f'{folder}/{name}'
    raise BackendError(f'{name} is not on this host; it is needed to work with ufw (package iptables)')


def require_one_variant() -> None:
    """Raise Refused where chains of ufw stand in the kernel twice, by nft and by legacy: a packet would need both."""
    here = os.path.realpath(tool('ipv4'))
    other = '-legacy' if here.endswith('xtables-nft-multi') else '-nft'
    if (
        other == '-legacy'
        and not os.path.exists('/proc/net/ip_tables_names')
        and not os.path.exists('/proc/net/ip6_tables_names')
    ):
        return
    for family, name in _TOOLS.items():
        save = next(
            (
                f'{folder}/{name}{other}-save'
                for folder in _FOLDERS
                if os.access(f'{folder}/{name}{other}-save', os.X_OK)
            ),
            None,
        )
        listing = run([save, '-t', 'filter'], check=False).stdout if save else ''
        if f'-A {PREFIXES[family]}-user-input ' in listing or f'-j {PREFIXES[family]}-before-input' in listing:
            raise Refused(
                f'chains of ufw are in the kernel by {name}{other} too, besides those of {os.path.basename(here)}; a packet would need both. '
                f'Remove those of {name}{other} (a reboot does), and leave update-alternatives --config iptables as it is'
            )


def read(family: str) -> Table:
    """The filter table as it is."""
    return parse(run([tool(family, '-save'), '-t', 'filter']).stdout)


def parse(text: str) -> Table:
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


def canonical(texts: t.Sequence[t.Tuple[str, str]]) -> t.List[Table]:
    """What each (family, transaction) of TEXTS becomes in an empty kernel. Raises BackendError with iptables' words where one does not load."""
    found = []
    with tempfile.TemporaryDirectory(prefix='portmatrix-') as folder:
        path = os.path.join(folder, 'rules')
        for family, text in texts:
            files.write(path, text, 0o600)
            # the lock is waited for, as iptables-legacy shares it with the host; without -n it takes no chain twice
            script = f'echo "{_DIVIDER}" && {tool(family, "-restore")} -n -w 10 < {path} && {tool(family, "-save")} -t filter'
            result = run(['unshare', '--net', 'sh', '-c', script], check=False)
            begun, _divider, saved = result.stdout.partition(_DIVIDER)
            if begun or not _divider:
                raise BackendError(
                    f'rules cannot be tried out on this host, as root may not make a network namespace there: {result.stderr.strip()[:300]}'
                )
            if result.returncode:
                raise BackendError(
                    f'what the files of ufw say ({family}) does not load: {_explain(result.stderr, text)}'
                )
            found.append(parse(saved))
    return found


def can_limit(family: str) -> bool:
    """Whether the kernel can limit the rate of connections, as ufw finds out for itself (module recent)."""
    match = '-A INPUT -m conntrack --ctstate NEW -m recent'
    try:
        canonical([(family, f'*filter\n{match} --set\n{match} --update --seconds 30 --hitcount 6\nCOMMIT\n')])
    except BackendError:
        return False
    return True


def _explain(message: str, text: str) -> str:
    match = re.search(r'line:? (\d+)', message)
    lines = text.splitlines()
    line = lines[int(match.group(1)) - 1] if match and 0 < int(match.group(1)) <= len(lines) else ''
    return ' '.join(message.split())[:500] + (f' (the line is: {line})' if line and line != 'COMMIT' else '')


def load(family: str, transaction: str) -> None:
    """Change the kernel by one TRANSACTION, whole or not at all."""
    run([tool(family, '-restore'), '-w', '10', '-n'], text=transaction)


def transaction(live: Table, wanted: Table, owned: t.Container[str]) -> str:
    """What turns the chains OWNED by ufw from LIVE into WANTED ("" where nothing differs); rules and chains of others stay. Chains that are equal are
    not touched. A chain of others that the files declare is made where it is missing."""
    changed = [name for name, rules in wanted.chains.items() if name in owned and live.chains.get(name) != rules]
    changed += [
        name for name in wanted.chains if name not in owned and name not in wanted.policies and name not in live.chains
    ]
    declarations = [f':{name} - [0:0]' for name in changed]
    rules = [rule for name in changed for rule in wanted.chains[name]]
    for chain in BUILT_IN:
        before, after = live.jumps(chain, owned), wanted.jumps(chain, owned)
        if live.policies.get(chain, 'ACCEPT') != wanted.policies[chain]:
            declarations.append(f':{chain} {wanted.policies[chain]} [0:0]')
        if before != after:
            rules.extend([*(rule.replace('-A ', '-D ', 1) for rule in before), *after])
        if set(changed) & {rule.rpartition(' -j ')[2] for rule in after} - set(live.chains):
            # ufw starts: what the administrator's files put into the built-in chains comes with it
            rules.extend(
                rule
                for rule in wanted.chains.get(chain, ())
                if rule not in after and rule not in live.chains.get(chain, ())
            )
    gone = [name for name in live.chains if name in owned and name not in wanted.chains]
    # chains of others that lead into one that goes would hold it
    others = [
        rule
        for name, found in live.chains.items()
        if name not in owned and name not in BUILT_IN
        for rule in found
        if rule.rpartition(' -j ')[2] in gone
    ]
    rules.extend(rule.replace('-A ', '-D ', 1) for rule in others)
    rules.extend([*(f'-F {name}' for name in gone), *(f'-X {name}' for name in gone)])
    return '\n'.join(['*filter', *declarations, *rules, 'COMMIT', '']) if declarations or rules else ''


def plain(found: t.Dict[str, Table]) -> t.Dict[str, t.Any]:
    """Tables by family as plain data."""
    return {family: table._asdict() for family, table in found.items()}


def tables(data: t.Dict[str, t.Any]) -> t.Dict[str, Table]:
    """Tables by family from what `plain` gave."""
    return {
        family: Table({name: tuple(rules) for name, rules in table['chains'].items()}, dict(table['policies']))
        for family, table in data.items()
    }


def different(stated: t.Dict[str, Table], owned: t.Mapping[str, t.Container[str]]) -> str:
    """The families in which the kernel does not hold what is STATED in the chains OWNED by ufw."""
    return ', '.join(family for family, table in stated.items() if transaction(read(family), table, owned[family]))
