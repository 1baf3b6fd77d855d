# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of iptables with rules that nft has added, which iptables prints as something else, without a word.

What the -save programs print of them must never be loaded: a rule may have lost its conditions. nft, on the other hand,
cannot load what the extensions of iptables have written.
"""

from __future__ import annotations

import json
import typing as t

from .._base.commands import exists, run
from .._base.errors import Refused
from . import iptables, nft, surroundings as surroundings_of
from .combining import has_native
from .saving import COMMANDS, TABLES, save
from .surroundings import Context, Surroundings

_FAMILIES = {'ipv4': 'ip', 'ipv6': 'ip6'}
_PACKETS = {family: packets for packets, family in _FAMILIES.items()}
Name = t.Tuple[str, str]  # family and table


class Native(t.NamedTuple):
    """The tables with rules of nft; `mixed`: those that have rules of iptables' extensions, too."""

    names: t.Tuple[Name, ...]
    mixed: t.Tuple[Name, ...]


def find() -> Native:
    """Those of now; none without nft."""
    result = run(['nft', '-j', '-n', 'list', 'ruleset'], check=False) if exists('nft') else None
    text = result.stdout if result and result.returncode == 0 else ''
    objects = json.loads(text)['nftables'] if text.strip() else []
    if not any(_name(item) for item in objects):
        return Native((), ())
    saved = {command: save(command, check=False) for command in COMMANDS.values() if exists(f'{command}-save')}
    return parse(objects, saved, surroundings_of.read())


def parse(objects: t.Sequence[t.Dict[str, t.Any]], saved: t.Mapping[str, str], surroundings: Surroundings) -> Native:
    """Those in OBJECTS, as `nft -j -n list ruleset` prints them, that SAVED (command -> text) prints otherwise."""
    native: t.List[Name] = []
    extended = {_name(item) for item in objects if any('xt' in part for part in item.get('rule', {}).get('expr', ()))}
    for family, command in COMMANDS.items():
        context = Context(family, surroundings)
        printed = {table.name: table for table in iptables.read(command, saved.get(command, ''), context, {})}
        for table in nft.read(objects, context):
            is_of_iptables = table.family == _FAMILIES[family] and table.name in TABLES
            if is_of_iptables and has_native(printed.get(table.name), table):
                native.append((table.family, table.name))
    return Native(tuple(native), tuple(name for name in native if name in extended))


def _name(item: t.Dict[str, t.Any]) -> t.Optional[Name]:
    rule = item.get('rule', {})
    name = (str(rule.get('family')), str(rule.get('table')))
    return name if name[0] in _FAMILIES.values() and name[1] in TABLES else None


def listing(native: Native) -> str:
    """The tables in nft's language, "" without any."""
    return ''.join(run(['nft', '-s', 'list', 'table', *name]).stdout for name in native.names)


def load(text: str, native: Native) -> None:
    """Replace the tables by what they were in TEXT, all at once. Raises BackendError."""
    removal = ''.join(f'table {family} {table}\ndelete table {family} {table}\n' for family, table in native.names)
    run(['nft', '-f', '-'], text=removal + text)


def names_in(text: str) -> Native:
    """The tables in a listing."""
    words = [line.split() for line in text.splitlines() if line.startswith('table ')]
    return Native(tuple((line[1], line[2]) for line in words), ())


def require_restorable() -> None:
    """Raise Refused if a table of iptables could not be restored once it is flushed."""
    mixed = find().mixed
    if mixed:
        names = ', '.join(' '.join(name) for name in mixed)
        raise Refused(
            f'table {names} has rules that only nft can write and rules of extensions of iptables; this firewalld '
            'flushes it when it loads its files, and neither program could restore it; move the rules of nft to a '
            'table of their own; nothing was changed'
        )


def without(text: str, command: str, native: Native) -> str:
    """TEXT of COMMAND-save without the tables that have rules of nft."""
    left_out = {table for family, table in native.names if COMMANDS[_PACKETS[family]] == command}
    kept: t.List[str] = []
    is_kept = True
    for line in text.splitlines(keepends=True):
        if line.startswith('*'):
            is_kept = line[1:].strip() not in left_out
        kept += [line] if is_kept else []
    return ''.join(kept)
