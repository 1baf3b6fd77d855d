# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of iptables (Docker, fail2ban, administrators), which firewalld below 2.0 flushes when it starts or stops."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ..._base.commands import run
from ..._kernel import native_tables, saved_rules

_TABLE = re.compile(r'(?ms)^\*(\w+)\n.*?^COMMIT\n')
# firewalld's own chains for its direct rules
_DIRECT = re.compile(r'_direct\b')


@contextlib.contextmanager
def preserving_iptables() -> t.Iterator[None]:
    """Load the tables again that the body flushed. A table that still has a rule was not flushed, and is left alone."""
    before = saved_rules.read(check=False)
    native = native_tables.find()
    listing = native_tables.listing(native)
    yield
    if listing and native_tables.listing(native) != listing:
        native_tables.load(listing, native)
    now = saved_rules.read(check=False)
    for command, text in before.items():
        remaining = _rules(now[command])
        flushed = [name for name, rules in _rules(text).items() if rules and not remaining.get(name)]
        tables = _split(text)
        if flushed:
            run([f'{command}-restore', '--noflush'], text=''.join(_without_direct(tables[name]) for name in flushed))


def _split(text: str) -> t.Dict[str, str]:
    return {match.group(1): match.group() for match in _TABLE.finditer(text)}


def _rules(text: str) -> t.Dict[str, t.List[str]]:
    """Table -> its rules, without firewalld's own."""
    return {
        name: [line for line in table.splitlines() if line.startswith('-A') and not _DIRECT.search(line)]
        for name, table in _split(text).items()
    }


def _without_direct(table: str) -> str:
    return ''.join(line for line in table.splitlines(keepends=True) if not _DIRECT.search(line))
