# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that the kernel holds by way of iptables, as its -save programs print them.

A table with rules that nft has added is left out (see native_tables).
"""

from __future__ import annotations

import re
import typing as t

from .._base.commands import exists, run
from .._base.errors import BackendError
from . import native_tables
from .native_tables import TABLES

COMMANDS = {'ipv4': 'iptables', 'ipv6': 'ip6tables'}
_COUNTERS = re.compile(r'(?m)^(:.*) \[\d+:\d+\]$')


def saved_rules(check: bool = True) -> t.Dict[str, str]:
    """Command (iptables, ip6tables) -> its rules, without counters and comments; a missing command is left out.

    Raises BackendError if they cannot be read and CHECK is set.
    """
    native = native_tables.find()
    saved = {command: save(command, check=check) for command in COMMANDS.values() if exists(f'{command}-save')}
    return {
        command: _COUNTERS.sub(r'\1 [0:0]', _without_comments(native_tables.without(text, command, native)))
        for command, text in saved.items()
    }


def save(program: str, check: bool = True) -> str:
    """What PROGRAM-save prints, of the tables that it can read.

    Raises BackendError if that is none of them and CHECK is set.
    """
    whole = run([f'{program}-save'], check=False)
    if whole.returncode == 0:
        return whole.stdout
    parts = [run([f'{program}-save', '-t', table], check=False) for table in TABLES]
    if check and all(part.returncode for part in parts):
        raise BackendError(f'{program}-save: {(whole.stderr or whole.stdout).strip()[:300]}')
    return ''.join(part.stdout for part in parts if part.returncode == 0)


def _without_comments(text: str) -> str:
    return ''.join(line for line in text.splitlines(keepends=True) if not line.startswith('#'))
