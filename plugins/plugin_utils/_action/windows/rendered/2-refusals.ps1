# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Why nothing may be changed here. Each of these is known before the first change.

function Assert-Computer {
    $addresses = @([System.Net.NetworkInformation.NetworkInterface]::GetAllNetworkInterfaces() |
            ForEach-Object { $_.GetIPProperties().UnicastAddresses } | ForEach-Object { "$($_.Address)" -replace '%.*' })
    $names = @([Environment]::MachineName, [System.Net.Dns]::GetHostName())
    $isName = @($names | Where-Object { $computer.Names -contains $_ }).Count -gt 0
    $isAddress = @($addresses | Where-Object { $computer.Addresses -contains $_ }).Count -gt 0
    if (-not $isName -and -not $isAddress) {
        throw "these rules are for $($computer.Names[0]), and this is $($names[0]); -AnyComputer applies them here all the same"
    }
}

# A change of the module, or of -ConfirmWithin, that is not decided yet: its rollback would undo this one, too.
function Assert-NothingPending {
    if (Test-Path -LiteralPath (Join-Path $folder 'pending.json')) {
        throw 'a change waits for its confirmation; keep it with -ConfirmChange, or wait until it has been rolled back'
    }
}

# Group policy, as it is in force.
function Assert-Policy {
    foreach ($current in @(Get-NetFirewallProfile -PolicyStore ActiveStore -ErrorAction Stop)) {
        if ("$($current.AllowLocalFirewallRules)" -eq 'False') {
            throw "group policy ignores local rules in the $($current.Name) profile; use -PolicyStore or -GPOSession"
        }
        if ("$($current.AllowInboundRules)" -eq 'False') {
            throw ("the $($current.Name) profile blocks all inbound traffic, whatever the rules allow: " +
                "Set-NetFirewallProfile -Name $($current.Name) -AllowInboundRules True")
        }
    }
}

# Rules of others that block the ports of management.
function Assert-NothingBlocks {
    foreach ($rule in @(Find-Rule -Filter @{ Enabled = 'True'; Action = 'Block'; Direction = 'Inbound' } -Effective)) {
        $filter = Get-NetFirewallPortFilter -AssociatedNetFirewallRule $rule @inForce -ErrorAction Stop
        $program = Get-NetFirewallApplicationFilter -AssociatedNetFirewallRule $rule @inForce -ErrorAction Stop
        if (@('TCP', 'Any') -notcontains "$($filter.Protocol)" -or @('Any', 'System', '') -notcontains "$($program.Program)") {
            continue
        }
        foreach ($port in $managementPorts) {
            if (Test-Port -Port $port -Texts $filter.LocalPort) {
                throw "the rule '$($rule.DisplayName)' may block management on port $port; disable it, or exclude that port"
            }
        }
    }
}

function Test-Port {
    param(
        [int]$Port,
        $Texts
    )
    foreach ($text in @($Texts)) {
        $ends = "$text" -split '-'
        if ("$text" -eq 'Any' -or ("$text" -match '^\d+(-\d+)?$' -and [int]$ends[0] -le $Port -and $Port -le [int]$ends[-1])) {
            return $true
        }
    }
    return $false
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
