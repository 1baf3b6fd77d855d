# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose former rules cannot be restored is closed, except for management, rather than open.

firewalld leaves no rules in the kernel if it fails to load its files. If that is known before, it is not tried, and
the unconfirmed rules are taken out of force. This table of nftables takes their place, until a run or a rollback
succeeds.
"""

from __future__ import annotations

import contextlib
import typing as t

from ..._base.commands import run
from ..._base.errors import BackendError
from ..._model.peers import Any
from . import guard, hitless, kernel, running, verify
from .documents import Documents, RichRule
from .slots import SLOTS

TABLE = 'portmatrix-closed'
# established connections, the host itself, what IPv6 and DHCP need
_BASE = (
    'ct state established,related accept',
    'iifname "lo" accept',
    'meta l4proto ipv6-icmp accept',
    'udp dport { 68, 546 } accept',
)
_ADDRESSES = {'ipv4': 'ip', 'ipv6': 'ip6'}


def close_unless_restored(former: Documents, wanted: Documents) -> bool:
    """Close the host unless the FORMER policy is in force, or was none and firewalld has rules. The management guard is
    that of the FORMER policy, or of the WANTED one. Returns whether it is closed now."""
    in_kernel = kernel.read()
    if in_kernel.filters_ingress and not verify.deviation(former, in_kernel):
        return False
    chain = '\n'.join(['type filter hook input priority 0; policy drop;', *rules(former, wanted)])
    text = f'table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\nchain input {{\n{chain}\n}}\n}}\n'
    with contextlib.suppress(BackendError):
        run(['nft', '-f', '-'], text=text)
        # then, since they may deny management access
        names = [name for name, policy in running.read().items() if policy.active and name in SLOTS]
        hitless.execute(hitless.Steps((), tuple(hitless.PolicyCall(name, active=False) for name in names)))
    return is_closed()


def rules(former: Documents, wanted: Documents) -> t.List[str]:
    """What a closed host still accepts, in nft's language."""
    return [*_BASE, *(_accept(rule) for rule in guard.rules(former) or guard.rules(wanted))]


def is_closed() -> bool:
    return run(['nft', 'list', 'table', 'inet', TABLE], check=False).returncode == 0


def open_again() -> None:
    """Remove the table, now that firewalld filters again."""
    if is_closed():
        run(['nft', 'delete', 'table', 'inet', TABLE])


def _accept(rule: RichRule) -> str:
    if isinstance(rule.peer, Any):
        source = f'meta nfproto {rule.family} ' if rule.family else ''
    else:
        source = f'{_ADDRESSES[rule.family or "ipv4"]} saddr {rule.peer} '
    return f'{source}{rule.protocol} dport {rule.value} accept'
