# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The -save programs of iptables."""

from __future__ import annotations

from .._base.commands import run
from .._base.errors import BackendError

COMMANDS = {'ipv4': 'iptables', 'ipv6': 'ip6tables'}
TABLES = ('raw', 'mangle', 'nat', 'filter', 'security')


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
