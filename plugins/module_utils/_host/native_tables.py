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

COMMANDS = {'ip': 'iptables', 'ip6': 'ip6tables'}
TABLES = ('raw', 'mangle', 'nat', 'filter', 'security')
Name = t.Tuple[str, str]  # family and table


class Native(t.NamedTuple):
    """The tables with rules of nft; `mixed`: those that have rules of iptables' extensions, too."""

    names: t.Tuple[Name, ...]
    mixed: t.Tuple[Name, ...]


def find() -> Native:
    """Those of now; none without nft."""
    listing = run(['nft', '-j', 'list', 'ruleset'], check=False) if exists('nft') else None
    text = listing.stdout if listing and listing.returncode == 0 else ''
    return parse(json.loads(text)['nftables'] if text.strip() else [])


def parse(objects: t.Iterable[t.Dict[str, t.Any]]) -> Native:
    """Those in OBJECTS, as `nft -j list ruleset` prints them. iptables counts with each of its rules."""
    native: t.Dict[Name, None] = {}
    extended: t.Set[Name] = set()
    for item in objects:
        rule = item.get('rule', {})
        name = (str(rule.get('family')), str(rule.get('table')))
        if name[0] not in COMMANDS or name[1] not in TABLES:
            continue
        kinds = {kind for part in rule['expr'] for kind in part}
        if 'xt' in kinds:
            extended.add(name)
        elif 'counter' not in kinds:
            native[name] = None
    return Native(tuple(native), tuple(name for name in native if name in extended))


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
    left_out = {table for family, table in native.names if COMMANDS[family] == command}
    kept: t.List[str] = []
    is_kept = True
    for line in text.splitlines(keepends=True):
        if line.startswith('*'):
            is_kept = line[1:].strip() not in left_out
        kept += [line] if is_kept else []
    return ''.join(kept)
