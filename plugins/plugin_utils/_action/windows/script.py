# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy as PowerShell that an administrator can read and run, without Ansible on the host."""

from __future__ import annotations

import typing as t

from ....module_utils._model.policy import Policy
from .rules import MARK, PROTOCOLS, Rule, build

PATH = 'portmatrix.ps1'
# what New-NetFirewallRule calls protocols; others go by their number
_NAMES = {'tcp': 'TCP', 'udp': 'UDP', 'icmp': 'ICMPv4', 'icmpv6': 'ICMPv6'}
_CORE_NETWORKING = '@FirewallAPI.dll,-25000'


def render(policy: Policy, ports: t.Iterable[int]) -> str:
    """The script for POLICY with its guard for the management PORTS: new rules come before the old ones go, denials last."""
    deny = policy.egress == 'deny'
    lines = [
        '#Requires -Version 5.1',
        '#Requires -RunAsAdministrator',
        f'# Firewall rules from port matrices, policy {policy.digest}. Safe to run again.',
        "$ErrorActionPreference = 'Stop'",
        f'$former = @(Get-NetFirewallRule -Group {_quote(MARK)} -ErrorAction SilentlyContinue)',
        *map(_rule, build(policy, ports)),
        '$former | Remove-NetFirewallRule',
    ]
    if deny:
        lines.append(
            f'{_others("-Enabled False", "Outbound", "-eq", "-and $_.Group -ne $null")} | Enable-NetFirewallRule'
        )
    for direction in ('Inbound', 'Outbound') if policy.exclusive and deny else ('Inbound',) if policy.exclusive else ():
        lines.append(
            f'{_others("-Enabled True", direction, "-ne", f"-and $_.Group -ne {_quote(MARK)}")} | Disable-NetFirewallRule'
        )
    lines.append(
        f'Set-NetFirewallProfile -All -Enabled True -DefaultInboundAction Block{" -DefaultOutboundAction Block" if deny else ""}'
    )
    return '\n'.join(lines) + '\n'


def _rule(rule: Rule) -> str:
    inbound = rule.direction == 'ingress'
    words = [
        f'New-NetFirewallRule -DisplayName {_quote(rule.name)} -Group {_quote(MARK)}',
        f'-Direction {"Inbound" if inbound else "Outbound"} -Action Allow -Profile Any',
        f'-Protocol {_NAMES.get(rule.protocol, PROTOCOLS[rule.protocol])}',
    ]
    if rule.ports:
        words.append(f'-{"Local" if inbound else "Remote"}Port {_list(rule.ports)}')
    if rule.peers:
        words.append(f'-RemoteAddress {_list(rule.peers)}')
    return ' '.join([*words, f'-Description {_quote(rule.description)} | Out-Null'])


def _others(state: str, direction: str, comparison: str, more: str) -> str:
    """Rules of others that allow; Core Networking (name resolution, DHCP, ICMPv6) is what a host cannot do without."""
    return (
        f'Get-NetFirewallRule {state} -Action Allow -Direction {direction} -ErrorAction SilentlyContinue | '
        f'Where-Object {{ $_.Group {comparison} {_quote(_CORE_NETWORKING)} {more} }}'
    )


def _list(texts: t.Iterable[str]) -> str:
    return f'@({", ".join(map(_quote, texts))})'


def _quote(text: str) -> str:
    """A PowerShell string that nothing is expanded in. PowerShell takes typographic quotes for quotes, too."""
    return "'" + ''.join(letter * 2 if letter in "'\u2018\u2019\u201a\u201b" else letter for letter in text) + "'"
