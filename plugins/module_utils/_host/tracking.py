# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection tracking of a host that has no firewall yet.

The kernel tracks connections while a rule asks for their state. One that is older than the first such rule is unknown:
an answer of this host over it looks like a new connection, which a denied egress would drop, and so does what the other
side sends on one that this host has opened (members of etcd write to those who have connected to them). A rule in a
chain that no packet passes is enough to be tracked from the next packet on.
"""

from __future__ import annotations

from .._base.commands import exists, run
from .._kernel import saved_rules
from .._kernel.saving import COMMANDS

_NAME = 'portmatrix-tracking'
_NFT_TABLE = f'table inet {_NAME} {{\nchain idle {{\nct state new\n}}\n}}\n'
_IPTABLES_CHAIN = f'*filter\n:{_NAME} - [0:0]\n-A {_NAME} -m conntrack --ctstate NEW\nCOMMIT\n'


def is_on() -> bool:
    """Whether `switch_on` was called before."""
    return _has_table() or any(_has_chain(rules) for rules in saved_rules.read(check=False).values())


def switch_on() -> None:
    """Track connections from here on. Raises BackendError if the kernel cannot."""
    if exists('nft') and run(['nft', '-f', '-'], check=False, text=_NFT_TABLE).returncode == 0:
        return
    for command in filter(exists, COMMANDS.values()):
        run([f'{command}-restore', '-w', '10', '-n'], text=_IPTABLES_CHAIN)


def switch_off() -> None:
    """Remove the idle rule: the rules of a firewall track, too."""
    if _has_table():
        run(['nft', 'delete', 'table', 'inet', _NAME], check=False)
    for command, rules in saved_rules.read(check=False).items():
        for option in ('-F', '-X') if _has_chain(rules) else ():
            run([command, '-w', '10', option, _NAME], check=False)


def _has_table() -> bool:
    return exists('nft') and run(['nft', 'list', 'table', 'inet', _NAME], check=False).returncode == 0


def _has_chain(rules: str) -> bool:
    """Whether the chain is among RULES as iptables-save prints them (other commands would create missing tables)."""
    return f':{_NAME} ' in rules
