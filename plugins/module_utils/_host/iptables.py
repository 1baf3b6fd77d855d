# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that the kernel holds by way of iptables, as its -save programs print them."""

from __future__ import annotations

import re
import typing as t

from .._base.commands import exists, run

COMMANDS = {'ipv4': 'iptables', 'ipv6': 'ip6tables'}
_COUNTERS = re.compile(r'(?m)^(:.*) \[\d+:\d+\]$')


def saved_rules(check: bool = True) -> t.Dict[str, str]:
    """Command (iptables, ip6tables) -> its rules, without counters and comments; a missing command is left out.

    Raises BackendError if they cannot be read and CHECK is set.
    """
    return {
        command: _COUNTERS.sub(r'\1 [0:0]', _without_comments(run([f'{command}-save'], check=check).stdout))
        for command in COMMANDS.values()
        if exists(f'{command}-save')
    }


def _without_comments(text: str) -> str:
    return ''.join(line for line in text.splitlines(keepends=True) if not line.startswith('#'))
