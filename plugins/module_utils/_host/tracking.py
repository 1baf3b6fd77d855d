# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection tracking of a host that has no firewall yet.

The kernel tracks connections while a rule asks for their state. A session that is older than the first such rule is
unknown, so an answer of this host over it looks like a new connection, which a denied egress would drop. A rule in a
chain that no packet passes is enough to be tracked from the next packet on.
"""

from __future__ import annotations

import typing as t

from .._base.commands import exists, run
from .iptables import COMMANDS

_NAME = 'portmatrix-tracking'
_NFT_TABLE = f'table inet {_NAME} {{\nchain idle {{\nct state new\n}}\n}}\n'
_IPTABLES_CHAIN = f'*filter\n:{_NAME} - [0:0]\n-A {_NAME} -m conntrack --ctstate NEW\nCOMMIT\n'


def is_on() -> bool:
    """Whether `switch_on` was called before."""
    if exists('nft') and run(['nft', 'list', 'table', 'inet', _NAME], check=False).returncode == 0:
        return True
    return any(run([command, '-S', _NAME], check=False).returncode == 0 for command in _iptables())


def switch_on() -> None:
    """Track connections from here on. Raises BackendError if the kernel cannot."""
    if exists('nft') and run(['nft', '-f', '-'], check=False, text=_NFT_TABLE).returncode == 0:
        return
    for command in _iptables():
        run([f'{command}-restore', '-w', '10', '-n'], text=_IPTABLES_CHAIN)


def switch_off() -> None:
    """Remove the idle rule: the rules of a firewall track, too."""
    if not is_on():
        return
    if exists('nft'):
        run(['nft', 'delete', 'table', 'inet', _NAME], check=False)
    for command in _iptables():
        for option in ('-F', '-X'):
            run([command, '-w', '10', option, _NAME], check=False)


def _iptables() -> t.List[str]:
    return [command for command in COMMANDS.values() if exists(command)]
