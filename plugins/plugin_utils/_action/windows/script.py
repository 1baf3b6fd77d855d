# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy as a PowerShell script that an administrator can read and run, without Ansible on the host."""

from __future__ import annotations

import typing as t

from ....module_utils._model.directions import INGRESS
from ....module_utils._model.peers import Any
from ....module_utils._model.policy import Policy
from ....module_utils._model.protocols import NUMBERS
from .rules import MARK, Rule, build, management

PATH = 'portmatrix.ps1'
# the names of protocols for New-NetFirewallRule; others have their number
_NAMES = {'tcp': 'TCP', 'udp': 'UDP', 'icmp': 'ICMPv4', 'icmpv6': 'ICMPv6'}
_CORE_NETWORKING = '@FirewallAPI.dll,-25000'
# $ErrorActionPreference does not reach the functions of another module, which these cmdlets are
_START = """$ErrorActionPreference = 'Stop'
$PSDefaultParameterValues = @{ '*-NetFirewall*:ErrorAction' = 'Stop' }
function Find-Rule {
    param([hashtable]$Filter)
    try {
        return @(Get-NetFirewallRule @Filter)
    }
    catch {
        # none found is no error here; everything else is
        if ($_.CategoryInfo.Category -ne 'ObjectNotFound') { throw }
    }
}"""
_LOOK = """$present = @(Find-Rule @{ Group = 'portmatrix' } | Where-Object { $_.Enabled -eq 'True' })
foreach ($name in $guard) {
    if (@($present | ForEach-Object { $_.DisplayName }) -notcontains $name) {
        throw "the rule '$name', which keeps management open, is not there; nothing was closed"
    }
}"""


def render(policy: Policy, ports: t.Iterable[int]) -> str:
    """The script for POLICY with its guard for the management PORTS: new rules first, then old ones removed, then
    denials."""
    deny_egress, guard = policy.egress == 'deny', management(policy, ports)
    lines = [
        '#Requires -Version 5.1',
        '#Requires -RunAsAdministrator',
        f'# Firewall rules from port matrices, policy {policy.digest}. Safe to run again.',
        *_START.splitlines(),
        f'$former = @(Find-Rule @{{ Group = {_quote(MARK)} }})',
        *map(_rule, guard),
        *map(_rule, build(policy)),
        # before anything is taken away
        f'$guard = {_list(rule.name for rule in guard)}',
        *_LOOK.splitlines(),
        '$former | Remove-NetFirewallRule',
    ]
    if deny_egress:
        core_networking = _unmanaged('False', 'Outbound', '-eq', '-and $_.Group -ne $null')
        lines.append(f'{core_networking} | Enable-NetFirewallRule')
    if policy.exclusive:
        for direction in ('Inbound', 'Outbound') if deny_egress else ('Inbound',):
            others = _unmanaged('True', direction, '-ne', f'-and $_.Group -ne {_quote(MARK)}')
            lines.append(f'{others} | Disable-NetFirewallRule')
    outbound = ' -DefaultOutboundAction Block' if deny_egress else ''
    logged = ' -LogBlocked True' if policy.log_denied else ''
    lines.append(f'Set-NetFirewallProfile -All -Enabled True -DefaultInboundAction Block{outbound}{logged}')
    return '\n'.join(lines) + '\n'


def _rule(rule: Rule) -> str:
    is_inbound = rule.direction == INGRESS
    words = [
        f'New-NetFirewallRule -DisplayName {_quote(rule.name)} -Group {_quote(MARK)}',
        f'-Direction {"Inbound" if is_inbound else "Outbound"} -Action Allow -Profile Any',
        f'-Protocol {_NAMES.get(rule.protocol, NUMBERS[rule.protocol])}',
    ]
    if rule.ports:
        words.append(f'-{"Local" if is_inbound else "Remote"}Port {_list(rule.ports)}')
    if not isinstance(rule.peers, Any):
        words.append(f'-RemoteAddress {_list(rule.peers.addresses)}')
    return ' '.join([*words, f'-Description {_quote(rule.description)} | Out-Null'])


def _unmanaged(state: str, direction: str, comparison: str, condition: str) -> str:
    """Rules not managed by portmatrix that allow, compared with Core Networking (name resolution, DHCP, ICMPv6), which
    a host cannot do without."""
    return (
        f'@(Find-Rule @{{ Enabled = {_quote(state)}; Action = {_quote("Allow")}; Direction = {_quote(direction)} }}) | '
        f'Where-Object {{ $_.Group {comparison} {_quote(_CORE_NETWORKING)} {condition} }}'
    )


def _list(texts: t.Iterable[str]) -> str:
    return f'@({", ".join(map(_quote, texts))})'


def _quote(text: str) -> str:
    """A PowerShell string in which nothing is expanded, in ASCII: Windows PowerShell reads a script in the code page of
    the system, in which other letters may be quotes."""
    parts: list[str] = []
    for letter in text:
        if ' ' <= letter <= '~':
            parts.append(letter * 2 if letter == "'" else letter)
        else:
            units = letter.encode('utf-16-be')
            codes = (int.from_bytes(units[place : place + 2], 'big') for place in range(0, len(units), 2))
            parts.append(''.join(f"' + [char]0x{code:04X} + '" for code in codes))
    quoted = f"'{''.join(parts)}'"
    return f'({quoted})' if ' + [char]0x' in quoted else quoted
