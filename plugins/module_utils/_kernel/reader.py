# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read everything in the kernel that filters packets for this host: nftables, iptables, and iptables-legacy beside it,
in both families."""

from __future__ import annotations

import json
import os
import re
import typing as t

from .._base.commands import exists, run
from .._base.errors import BackendError
from .._model.traffic import FAMILIES
from . import ipsets, iptables, netlink, nft, surroundings as surroundings_of
from .combining import combined, with_known_rules
from .rules import Ruleset, Table
from .saving import COMMANDS, TABLES, save
from .surroundings import Context, Surroundings

# nft does not say it in JSON
_DORMANT = re.compile(r'(?m)^table (\S+) (\S+) \{[^\n]*\n\tflags [^\n]*dormant')
_LEGACY_TABLES = {'ipv4': '/proc/net/ip_tables_names', 'ipv6': '/proc/net/ip6_tables_names'}


class Listings(t.NamedTuple):
    """What the programs print: `nft` (objects, None if they cannot be read), `saved` (program -> text), `ipset`;
    `dormant`: (family, name) of tables of nft that are switched off."""

    nft: t.Optional[t.List[t.Dict[str, t.Any]]]
    saved: t.Dict[str, str]
    ipset: str
    unread: t.Tuple[str, ...] = ()
    dormant: t.FrozenSet[t.Tuple[str, str]] = frozenset()


class Kernel(t.NamedTuple):
    """The rulesets by family, and what they refer to."""

    rulesets: t.Dict[str, Ruleset]
    surroundings: Surroundings
    sets: ipsets.Sets = {}

    def with_tables(self, program: str, family: str, text: str) -> Kernel:
        """With the tables in TEXT, as PROGRAM-save would print them, in place of those of the same names."""
        ruleset = self.rulesets[family]
        for table in iptables.read(program, text, Context(family, self.surroundings), self.sets):
            now = next((own for own in ruleset.tables if own.key == table.key), None)
            ruleset = ruleset.replaced(with_known_rules(table, now) if now else table)
        return self._replace(rulesets={**self.rulesets, family: ruleset})

    def without_table(self, family: str, name: str) -> Kernel:
        """Without a table of nftables."""
        return self._replace(
            rulesets={
                packets: ruleset._replace(
                    tables=tuple(table for table in ruleset.tables if table.key[:3] != ('nft', family, name))
                )
                for packets, ruleset in self.rulesets.items()
            }
        )


def read() -> Kernel:
    """All of it as it is now; what cannot be read is named in the rulesets."""
    return parse(listings(), surroundings_of.read())


def parse(listed: Listings, surroundings: Surroundings) -> Kernel:
    """What LISTED means on a host with these SURROUNDINGS."""
    filled = {name for text in listed.saved.values() for name in iptables.filled_sets(text)}
    sets = {name: one for name, one in ipsets.parse(listed.ipset).items() if name not in filled}
    rulesets = {}
    for family in FAMILIES:
        context = Context(family, surroundings)
        printed: t.List[Table] = []
        for program, text in listed.saved.items():
            if program.partition('-')[0] == COMMANDS[family]:
                printed += iptables.read(program, text, context, sets)
        tables = combined(printed, nft.read(listed.nft or (), context, listed.dormant))
        rulesets[family] = Ruleset(tuple(tables), listed.unread)
    return Kernel(rulesets, surroundings, sets)


def listings() -> Listings:
    """What the programs of this host print now."""
    saved = {}
    unread: t.List[str] = []
    for family, name in COMMANDS.items():
        for program in _programs(family, name):
            try:
                saved[program.replace('-nft', '')] = save(program)
            except BackendError as error:
                unread.append(str(error))
    dormant: t.FrozenSet[t.Tuple[str, str]] = frozenset()
    objects: t.Optional[t.List[t.Dict[str, t.Any]]] = None
    if exists('nft'):
        result = run(['nft', '-j', '-n', 'list', 'ruleset'], check=False)
        if result.returncode == 0:
            objects = json.loads(result.stdout)['nftables'] if result.stdout.strip() else []
            dormant = frozenset(_DORMANT.findall(run(['nft', '-t', 'list', 'ruleset'], check=False).stdout))
        else:
            unread.append(f'nft list ruleset: {result.stderr.strip()[:200]}')
    else:
        unread += _unlisted_tables()
    ipset = run(['ipset', 'save'], check=False).stdout if exists('ipset') else ''
    return Listings(objects, saved, ipset, tuple(unread), dormant)


def _unlisted_tables() -> t.Iterator[str]:
    """Tables of nftables that iptables does not print, on a host without nft."""
    try:
        found = netlink.tables()
    except OSError:
        return  # a kernel without nftables
    for family, name in found:
        if family not in ('ip', 'ip6') or name not in TABLES:
            yield f'table {family} {name} of nftables, since nft is not installed (package nftables)'


def _programs(family: str, name: str) -> t.Iterator[str]:
    """The programs whose tables the kernel has: those of nft, and legacy ones that are in use."""
    legacy = f'{name}-legacy'
    try:
        with open(_LEGACY_TABLES[family], encoding='ascii') as file:
            uses_legacy = bool(file.read().strip())
    except OSError:
        uses_legacy = False
    if uses_legacy and exists(f'{legacy}-save'):
        yield legacy
    if exists(f'{name}-nft-save'):
        yield f'{name}-nft'
    elif exists(f'{name}-save') and not os.path.realpath(f'/usr/sbin/{name}-save').endswith('legacy-multi'):
        yield name
