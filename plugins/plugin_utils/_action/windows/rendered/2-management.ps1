# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The rules that keep management open: the ports that the inventory names, and those where something listens now that
# the rules in force admit. Without declared sources they are never open to more than now.

function Get-AdmittedAddress {
    param(
        [int]$Port,
        [switch]$ByOthers
    )
    foreach ($number in 1, 2, 4) {
        $current = Get-NetFirewallProfile -Name $profiles[$number] @inForce -ErrorAction Stop
        if (-not (Get-Setting -Settings $current -Name 'Enabled') -or -not (Get-Setting -Settings $current -Name 'BlockInbound')) {
            return 'Any'
        }
    }
    foreach ($rule in @(Find-Rule -Filter @{ Enabled = 'True'; Action = 'Allow'; Direction = 'Inbound' } -Effective)) {
        if ($rule.Group -eq $group -and ($ByOthers -or $rule.Name -notmatch '^portmatrix-management')) {
            continue
        }
        $filter = Get-NetFirewallPortFilter -AssociatedNetFirewallRule $rule @inForce -ErrorAction Stop
        $isHit = @('TCP', 'Any') -contains "$($filter.Protocol)" -and (Test-Port -Port $Port -Texts $filter.LocalPort)
        if ($isHit -and ($rule.Group -eq $group -or (Test-Program -Rule $rule -Port $Port))) {
            if ("$($rule.Profile)" -ne 'Any' -and -not $management.Peers) {
                Write-Warning ("port $Port is open by '$($rule.DisplayName)' in these profiles only: $($rule.Profile); the " +
                    'rule of portmatrix holds in all: declare portmatrix_management_sources where that is too wide')
            }
            ConvertTo-Cidr -Address (Get-NetFirewallAddressFilter -AssociatedNetFirewallRule $rule @inForce -ErrorAction Stop).RemoteAddress
        }
    }
}

# Whether the program of a rule is what listens on a port of management.
function Test-Program {
    param(
        $Rule,
        [int]$Port
    )
    $program = "$((Get-NetFirewallApplicationFilter -AssociatedNetFirewallRule $Rule @inForce -ErrorAction Stop).Program)"
    $listener = @{ 22 = 'sshd.exe'; 3389 = 'svchost.exe'; 5985 = 'System'; 5986 = 'System' }[$Port]
    return @('Any', '') -contains $program -or ($listener -and $program -match ([regex]::Escape($listener) + '$'))
}

function Get-ManagementPort {
    $ports = @($management.Ports)
    if ($isLocal) {
        $ports += @(Get-NetTCPConnection -State Listen -ErrorAction Stop | ForEach-Object { [int]$_.LocalPort } |
                Where-Object { 22, 3389, 5985, 5986 -contains $_ })
    }
    return @($ports | Sort-Object -Unique)
}

function Get-ManagementRule {
    foreach ($port in @(Get-ManagementPort)) {
        $peers = $management.Peers
        if ($isLocal) {
            $admitted = @(Get-AdmittedAddress -Port $port | Sort-Object -Unique)
            if ($admitted.Count -eq 0 -and ($management.Declared -notcontains $port -or -not $peers)) {
                Write-Warning "port $port of management is open from nowhere now, and stays so"
                continue
            }
            if (-not $peers -and $admitted -notcontains 'Any') {
                $peers = $admitted
            }
        }
        @{
            Name = "portmatrix-management-$port"
            DisplayName = "portmatrix/management in tcp $port"
            Description = $management.Description
            Direction = 'Inbound'
            Protocol = 'TCP'
            Ports = @("$port")
            Peers = $peers
        }
    }
}

function Test-Within {
    param(
        [string]$Address,
        [string]$Cidr
    )
    $base, $prefix = $Cidr -split '/'
    $ip = [System.Net.IPAddress]::Parse($Address)
    if ($ip.IsIPv4MappedToIPv6) {
        $ip = $ip.MapToIPv4()
    }
    $bits = @($ip, [System.Net.IPAddress]::Parse($base) | ForEach-Object {
            @($_.GetAddressBytes() | ForEach-Object { [Convert]::ToString($_, 2).PadLeft(8, '0') }) -join '' })
    return $bits[0].Length -eq $bits[1].Length -and
    $bits[0].Substring(0, [int]$prefix) -eq $bits[1].Substring(0, [int]$prefix)
}

# Whoever is connected to a port of management now is let in afterwards, too.
function Assert-Session {
    param($ManagementRules)
    try {
        $connections = @(Get-NetTCPConnection -State Established -ErrorAction Stop)
    }
    catch {
        if ($_.CategoryInfo.Category -ne 'ObjectNotFound') {
            throw
        }
        return
    }
    foreach ($rule in @($ManagementRules | Where-Object { $_.Peers })) {
        $peers = @(ConvertTo-Cidr -Address $rule.Peers)
        # names of Windows, such as LocalSubnet, are what is admitted now
        if (@($peers | Where-Object { $_ -notmatch '^[0-9a-fA-F.:]+/\d+$' }).Count -gt 0) {
            continue
        }
        foreach ($connection in @($connections | Where-Object { "$($_.LocalPort)" -eq $rule.Ports[0] })) {
            $from = "$($connection.RemoteAddress)" -replace '%.*'
            if ($from -match '^127\.|^::1$|^::ffff:127\.' -or @($peers | Where-Object { Test-Within -Address $from -Cidr $_ }).Count -gt 0) {
                continue
            }
            throw "$from is connected to port $($rule.Ports[0]), and would be locked out; add it to portmatrix_management_sources"
        }
    }
}
