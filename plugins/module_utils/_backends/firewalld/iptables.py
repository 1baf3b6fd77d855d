# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of iptables (Docker, fail2ban, administrators), which firewalld below 2.0 flushes whenever it starts, stops or reloads."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ..._base.commands import exists, run

_COUNTERS = re.compile(r'(?m)^(:.*) \[\d+:\d+\]$')
_TABLE = re.compile(r'(?ms)^\*(\w+)\n.*?^COMMIT\n')
# chains of firewalld's own, for its direct rules
_DIRECT = re.compile(r'_direct\b')


def tables(check: bool = True) -> t.Dict[str, str]:
    """Command -> rules of iptables, without counters; only tables that hold a rule. Raises BackendError where they cannot be read and CHECK is set."""
    return {
        command: _COUNTERS.sub(
            r'\1 [0:0]',
            ''.join(
                line
                for line in run([f'{command}-save'], check=check).stdout.splitlines(True)
                if not line.startswith('#')
            ),
        )
        for command in ('iptables', 'ip6tables')
        if exists(f'{command}-save')
    }


@contextlib.contextmanager
def kept() -> t.Iterator[None]:
    """What others have in iptables before is there again after. A table of which any rule is left was not flushed, and stays as it is."""
    before = tables(check=False)
    yield
    now = tables(check=False)
    for command, text in before.items():
        left = _rules(now[command])
        lost = ''.join(
            _without_direct(table)
            for name, table in _split(text).items()
            if _rules(text).get(name) and not left.get(name)
        )
        if lost:
            run([f'{command}-restore', '--noflush'], text=lost)


def _split(text: str) -> t.Dict[str, str]:
    return {match.group(1): match.group() for match in _TABLE.finditer(text)}


def _rules(text: str) -> t.Dict[str, t.List[str]]:
    """Table -> its rules, firewalld's own left out."""
    return {
        name: [line for line in table.splitlines() if line.startswith('-A') and not _DIRECT.search(line)]
        for name, table in _split(text).items()
    }


def _without_direct(table: str) -> str:
    return ''.join(line for line in table.splitlines(keepends=True) if not _DIRECT.search(line))
