# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""before.rules and after.rules as iptables-restore reads them: tables, their lines and the chains that they declare."""

from __future__ import annotations

import typing as t

from ..._base.errors import Refused
from . import long_lines

BEFORE = {'ipv4': '/etc/ufw/before.rules', 'ipv6': '/etc/ufw/before6.rules'}
AFTER = {'ipv4': '/etc/ufw/after.rules', 'ipv6': '/etc/ufw/after6.rules'}


def tables(path: str, text: str) -> t.Iterator[t.Tuple[str, t.List[str]]]:
    """(table, lines) of every table in the TEXT of PATH. Raises Refused for lines outside of a table, for a table
    without its COMMIT, and for lines that are too long."""
    long_lines.require_none(path, text)
    table = ''
    lines: t.List[str] = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line.startswith('*') and not table:
            table, lines = line[1:], []
        elif line == 'COMMIT' and table:
            yield table, lines
            table = ''
        elif line and not line.startswith('#'):
            if not table or line.startswith('*'):
                raise Refused(
                    f'{path}, line {number}: {line!r} is outside of a table, so iptables-restore would not load it; '
                    'move it between "*filter" and "COMMIT"'
                )
            lines.append(line)
    if table:
        raise Refused(
            f'{path}: the table {table} has no "COMMIT" at its end, so iptables-restore would not load it; add the line'
        )


def filter_lines(path: str, text: str) -> t.List[str]:
    """The lines of the table filter in the TEXT of PATH. Raises Refused as `tables` does."""
    return [line for table, lines in tables(path, text) if table == 'filter' for line in lines]


def declared_chains(path: str, text: str) -> t.Set[str]:
    """The chains of the table filter that TEXT declares."""
    return {line[1:].split()[0] for line in filter_lines(path, text) if line.startswith(':')}
