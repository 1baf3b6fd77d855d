# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy as a PowerShell script that an administrator can read and run, without Ansible on the host: what is wanted,
as data, and the parts in rendered/, which are the same for every host."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ....module_utils._model.directions import INGRESS
from ....module_utils._model.peers import Any, Peers
from ....module_utils._model.policy import Policy
from . import program, rules as windows_rules, wire
from .rules import MARK, Rule
from .sentences import REASONS, REFUSALS

PATH = 'portmatrix.ps1'
SSH_PORT = 22
_PARTS = Path(__file__).parent / 'rendered'
# the names of protocols for New-NetFirewallRule; others have their number
_NAMES = {'tcp': 'TCP', 'udp': 'UDP', 'icmp': 'ICMPv4', 'icmpv6': 'ICMPv6', 'any': 'Any'}
_HELP = """#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
.SYNOPSIS
Firewall rules of {host} from port matrices ({products}), policy {digest}.

.DESCRIPTION
Makes {count} rules of the group portmatrix, and rules for management. Denies all other inbound traffic{egress}.
Rules of others {others}. A second run changes nothing.

{warnings}
What this computer had before is remembered in %ProgramData%\\portmatrix, with an export of its firewall.

.PARAMETER PolicyStore
Write the rules into this policy store (a group policy object, for example) instead. Nothing of this computer is
changed.

.PARAMETER GPOSession
The same, for a session of Open-NetGPO; Save-NetGPO keeps it.

.PARAMETER AnyComputer
Also run on a computer that has neither the name nor an address of {host}.

.PARAMETER Undo
Bring back what was before the first run.

.PARAMETER ConfirmWithin
Seconds (5 to 3600). The program of the module, which is in this script (SHA-256 {program}),
applies the policy; a scheduled task rolls it back unless -ConfirmChange keeps it.

.PARAMETER ConfirmChange
Keep the change that waits for it. To be run in a new session: that proves that one can still come in.

.EXAMPLE
powershell.exe -File portmatrix.ps1 -WhatIf

.EXAMPLE
powershell.exe -File portmatrix.ps1 -Undo
#>
[CmdletBinding(SupportsShouldProcess = $true, DefaultParameterSetName = 'Local')]
param(
    [Parameter(ParameterSetName = 'Store', Mandatory = $true)]
    [string]$PolicyStore,
    [Parameter(ParameterSetName = 'Session', Mandatory = $true)]
    [string]$GPOSession,
    [Parameter(ParameterSetName = 'Local')]
    [Parameter(ParameterSetName = 'Window')]
    [switch]$AnyComputer,
    [Parameter(ParameterSetName = 'Undo', Mandatory = $true)]
    [switch]$Undo,
    [Parameter(ParameterSetName = 'Window', Mandatory = $true)]
    [ValidateRange(5, 3600)]
    [int]$ConfirmWithin,
    [Parameter(ParameterSetName = 'Confirm', Mandatory = $true)]
    [switch]$ConfirmChange
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
"""
_STATE = """$group = 'portmatrix'
$core = '@FirewallAPI.dll,-25000'
$profiles = @{ 1 = 'Domain'; 2 = 'Private'; 4 = 'Public' }
$store = @{}
if ($PolicyStore) { $store['PolicyStore'] = $PolicyStore }
if ($GPOSession) { $store['GPOSession'] = $GPOSession }
$isLocal = $store.Count -eq 0
# what holds on this computer, with group policy
$inForce = if ($isLocal) { @{ PolicyStore = 'ActiveStore' } } else { $store }
$folder = Join-Path ([Environment]::GetFolderPath('CommonApplicationData')) 'portmatrix'
$done = @{ Made = 0; Removed = 0; Kept = 0; Switched = 0; Set = 0 }
$backup = ''
$rules = @()
$managementPorts = @()
"""


class Host(t.NamedTuple):
    """Whom a script is for: its `name` in the inventory, `addresses` without prefixes, and `products`."""

    name: str
    addresses: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


def render(policy: Policy, ports: t.Sequence[int], host: Host, warnings: t.Sequence[str] = ()) -> str:
    """The script that brings HOST to POLICY; PORTS are those by which it is managed, that of its connection first.
    WARNINGS of the plan are shown in its help."""
    rules = windows_rules.build(policy)
    data = [_data(policy, ports, host), *map(_rule, rules), ')', _engine(policy, ports[0]), _sentences()]
    parts = [_text(path) for path in sorted(_PARTS.glob('*.ps1'))]
    return '\n'.join([_help(policy, rules, host, warnings), *data, _STATE, *parts])


def _engine(policy: Policy, port: int) -> str:
    """The program of the module and its request, for a change with a window."""
    listener = 'ssh' if port == SSH_PORT else 'winrm'
    request = wire.request('enforced', wire.Transport(port, listener), policy=policy)
    return (
        f'$engine = @{{ Port = {port}; Request = {_quote(request)}; Source = {_quote(wire.packed(program.text()))} }}'
    )


def _sentences() -> str:
    """What the codes of that program mean."""
    lines = [f'    {_quote(code)} = {_quote(text)}' for code, text in {**REFUSALS, **REASONS}.items() if code]
    return '\n'.join(('$sentences = @{', *lines, '}'))


def _help(policy: Policy, rules: t.Sequence[Rule], host: Host, warnings: t.Sequence[str]) -> str:
    lines = [f'Warning: {_comment(text)}' for text in warnings]
    return _HELP.format(
        host=_comment(host.name),
        products=_comment(', '.join(host.products)) or 'no product',
        digest=policy.digest,
        program=wire.checksum(program.text()),
        count=len(rules),
        egress=', and outbound traffic' if policy.egress == 'deny' else '',
        others='that allow more are disabled' if policy.exclusive else 'stay as they are',
        warnings=''.join(f'{line}\n' for line in lines),
    )


def _data(policy: Policy, ports: t.Iterable[int], host: Host) -> str:
    settings = ['Enabled', 'BlockInbound']
    settings += ['BlockOutbound'] if policy.egress == 'deny' else []
    settings += ['LogDropped'] if policy.log_denied else []
    template = windows_rules.management(policy)[0]
    return '\n'.join(
        (
            f'$computer = @{{ Names = @({_quote(host.name)}); Addresses = {_list(host.addresses)} }}',
            f'$decision = @{{ Exclusive = ${policy.exclusive}; DenyEgress = ${policy.egress == "deny"}; '
            f'Settings = {_list(settings)} }}',
            f'$management = @{{ Ports = {_numbers(ports)}; Declared = {_numbers(policy.management_ports)}; '
            f'Peers = {_peers(policy.management_sources)}; Description = {_quote(template.description)} }}',
            '$flowRules = @(',
        )
    )


def _numbers(ports: t.Iterable[int]) -> str:
    return f'@({", ".join(map(str, sorted(set(ports))))})'


def _rule(rule: Rule) -> str:
    digest = rule.name.rpartition(' ')[2]
    way = 'in' if rule.direction == INGRESS else 'out'
    return (
        f'    @{{ Name = {_quote(f"{MARK}-{way}-{digest}")}; DisplayName = {_quote(rule.name)}; '
        f"Direction = '{'Inbound' if rule.direction == INGRESS else 'Outbound'}'; "
        f'Protocol = {_quote(_NAMES.get(rule.protocol, str(windows_rules.protocol_number(rule.protocol))))}; '
        f'Ports = {_list(rule.ports) if rule.ports else "$null"}; Peers = {_peers(rule.peers)}; '
        f'Description = {_quote(rule.description)} }}'
    )


def _peers(peers: Peers) -> str:
    return '$null' if isinstance(peers, Any) else _list(peers.addresses)


def _comment(text: str) -> str:
    """TEXT inside a comment block: one line of ASCII that does not end it."""
    return ''.join(letter if ' ' <= letter <= '~' else '?' for letter in text).replace('#>', '# >')


def _text(path: Path) -> str:
    """A part without its licence."""
    return path.read_text(encoding='utf-8').split('\n', 3)[3]


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
