# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that the kernel holds by way of iptables, as its -save programs print them.

A table with rules that nft has added is left out (see native_tables).
"""

from __future__ import annotations

import re
import typing as t

from .._base.commands import exists
from . import native_tables
from .saving import COMMANDS, save

_COUNTERS = re.compile(r'(?m)^(:.*) \[\d+:\d+\]$')


def read(check: bool = True) -> t.Dict[str, str]:
    """Command (iptables, ip6tables) -> its rules, without counters and comments; a missing command is left out.

    Raises BackendError if they cannot be read and CHECK is set.
    """
    native = native_tables.find()
    saved = {command: save(command, check=check) for command in COMMANDS.values() if exists(f'{command}-save')}
    return {
        command: _COUNTERS.sub(r'\1 [0:0]', _without_comments(native_tables.without(text, command, native)))
        for command, text in saved.items()
    }


def _without_comments(text: str) -> str:
    return ''.join(line for line in text.splitlines(keepends=True) if not line.startswith('#'))
