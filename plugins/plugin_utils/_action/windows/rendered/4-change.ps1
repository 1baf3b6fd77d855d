# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The change itself: what is new first, then a look whether the ways in are there, then what is taken away.

function Get-Setting {
    param(
        $Settings,
        [string]$Name
    )
    switch ($Name) {
        'Enabled' { return "$($Settings.Enabled)" -eq 'True' }
        # what is not configured on a computer denies; in a policy it decides nothing
        'BlockInbound' { return @('Block', $(if ($isLocal) { 'NotConfigured' })) -contains "$($Settings.DefaultInboundAction)" }
        'BlockOutbound' { return "$($Settings.DefaultOutboundAction)" -eq 'Block' }
        default { return "$($Settings.LogBlocked)" -eq 'True' }
    }
}

function Set-Setting {
    param(
        [string]$Where,
        [string]$Name,
        [bool]$Value
    )
    $text = if ($Name -match '^Block') { if ($Value) { 'Block' } else { 'Allow' } } else { "$Value" }
    $parameter = @{ Enabled = 'Enabled'; BlockInbound = 'DefaultInboundAction'; BlockOutbound = 'DefaultOutboundAction'
        LogDropped = 'LogBlocked' }[$Name]
    $arguments = @{ Name = $Where; $parameter = $text }
    if (Invoke-Change -What "$parameter $text" -Target "the $Where profile" -Change {
            Set-NetFirewallProfile @arguments @store -ErrorAction Stop }) {
        $done.Set += 1
    }
}

function Switch-Rule {
    param(
        $Rule,
        [bool]$On
    )
    $what = if ($On) { 'enable' } else { 'disable' }
    if (Invoke-Change -What $what -Target "the rule '$($Rule.DisplayName)', not managed by portmatrix" -Change {
            if ($On) { Enable-NetFirewallRule -Name $Rule.Name @store -ErrorAction Stop }
            else { Disable-NetFirewallRule -Name $Rule.Name @store -ErrorAction Stop } }) {
        $done.Switched += 1
    }
}

function Add-Rule {
    param($Former)
    $number = 0
    foreach ($wanted in $rules) {
        $number += 1
        Write-Progress -Activity 'Rules' -Status $wanted.DisplayName -PercentComplete (100 * $number / $rules.Count)
        $known = @($Former | Where-Object { $_.Name -eq $wanted.Name })
        if ($known.Count -gt 0 -and (Test-Rule -Rule $known[0] -Wanted $wanted)) {
            $done.Kept += 1
            continue
        }
        if (Invoke-Change -What 'make' -Target "the rule '$($wanted.DisplayName)'" -Change {
                if ($known.Count -gt 0) { Set-Rule -Wanted $wanted } else { New-Rule -Wanted $wanted } }) {
            $done.Made += 1
        }
    }
}

function Assert-WaysIn {
    foreach ($wanted in @($rules | Where-Object { $_.Name -match '^portmatrix-management' })) {
        if (@(Find-Rule -Filter @{ Name = $wanted.Name } | Where-Object { Test-Rule -Rule $_ -Wanted $wanted }).Count -eq 0) {
            throw "the rule '$($wanted.DisplayName)', which keeps management open, is not there; nothing was closed"
        }
    }
}

function Remove-Rule {
    param($Former)
    foreach ($rule in @($Former | Where-Object { @($rules | ForEach-Object { $_.Name }) -notcontains $_.Name })) {
        if (Invoke-Change -What 'remove' -Target "the rule '$($rule.DisplayName)'" -Change {
                Remove-NetFirewallRule -Name $rule.Name @store -ErrorAction Stop }) {
            $done.Removed += 1
        }
    }
}

# Rules of others that are enabled, allow, and are not in the policy.
function Find-Other {
    if (-not $decision.Exclusive -or -not $isLocal) {
        return
    }
    foreach ($direction in $(if ($decision.DenyEgress) { 'Inbound', 'Outbound' } else { 'Inbound' })) {
        Find-Rule -Filter @{ Enabled = 'True'; Action = 'Allow'; Direction = $direction } |
            Where-Object { $_.Group -ne $group -and $_.Group -ne $core }
    }
}

# Where egress is denied, a computer without Core Networking loses its address.
function Find-Core {
    if ($decision.DenyEgress -and $isLocal) {
        Find-Rule -Filter @{ Enabled = 'False'; Action = 'Allow'; Direction = 'Outbound' } | Where-Object { $_.Group -eq $core }
    }
}
