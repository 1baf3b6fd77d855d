# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What is there, and each change of it. Every call of a cmdlet stops the script where it fails.

function Find-Rule {
    param(
        [hashtable]$Filter,
        [switch]$Effective
    )
    $from = if ($Effective) { $inForce } else { $store }
    try {
        return @(Get-NetFirewallRule @Filter @from -ErrorAction Stop)
    }
    catch {
        # none found is no error; everything else is
        if ($_.CategoryInfo.Category -ne 'ObjectNotFound') {
            throw
        }
    }
}

# A change, unless -WhatIf or an answer forbids it. Returns whether it was made.
function Invoke-Change {
    param(
        [string]$What,
        [string]$Target,
        [scriptblock]$Change
    )
    if (-not $PSCmdlet.ShouldProcess($Target, $What)) {
        return $false
    }
    $null = & $Change
    return $true
}

function Get-Text {
    param($Values)
    return [string]::Join(',', @($Values | ForEach-Object { "$_" } | Sort-Object))
}

# Whether a rule of ours is as it is wanted, in whatever form Windows reads it back.
function Test-Rule {
    param(
        $Rule,
        [hashtable]$Wanted
    )
    if ("$($Rule.Enabled)" -ne 'True' -or $Rule.DisplayName -ne $Wanted.DisplayName) {
        return $false
    }
    if ("$($Rule.Action)" -ne 'Allow' -or "$($Rule.Direction)" -ne $Wanted.Direction) {
        return $false
    }
    if ($Rule.Description -ne $Wanted.Description) {
        return $false
    }
    $program = (Get-NetFirewallApplicationFilter -AssociatedNetFirewallRule $Rule @store -ErrorAction Stop).Program
    if ("$($Rule.Profile)" -ne 'Any' -or @('Any', '') -notcontains "$program") {
        return $false
    }
    $ports = Get-NetFirewallPortFilter -AssociatedNetFirewallRule $Rule @store -ErrorAction Stop
    $portName = if ($Wanted.Direction -eq 'Inbound') { 'LocalPort' } else { 'RemotePort' }
    $port = if ($Wanted.Ports) { $Wanted.Ports } else { 'Any' }
    if ("$($ports.Protocol)" -ne $Wanted.Protocol) {
        return $false
    }
    # only these have ports, whatever is read back of others
    if (@('TCP', 'UDP') -contains $Wanted.Protocol -and (Get-Text -Values $ports.$portName) -ne (Get-Text -Values $port)) {
        return $false
    }
    $addresses = Get-NetFirewallAddressFilter -AssociatedNetFirewallRule $Rule @store -ErrorAction Stop
    $peers = if ($Wanted.Peers) { $Wanted.Peers } else { 'Any' }
    return (Get-Text -Values (ConvertTo-Cidr -Address $addresses.RemoteAddress)) -eq (Get-Text -Values $peers)
}

# Windows reads "192.0.2.1/32" back as "192.0.2.1", and prefixes as masks.
function ConvertTo-Cidr {
    param($Address)
    foreach ($text in @($Address)) {
        $parts = "$text" -split '/'
        $ip = $null
        if ("$text" -match '-' -or -not [System.Net.IPAddress]::TryParse($parts[0], [ref]$ip)) {
            "$text"
            continue
        }
        $width = if ($ip.AddressFamily -eq 'InterNetworkV6') { 128 } else { 32 }
        $prefix = if ($parts.Count -eq 1) { "$width" } else { $parts[1] }
        $mask = $null
        if ($prefix -match '\.' -and [System.Net.IPAddress]::TryParse($prefix, [ref]$mask)) {
            $bits = @($mask.GetAddressBytes() | ForEach-Object { [Convert]::ToString($_, 2) }) -join ''
            $prefix = "$(($bits -replace '0', '').Length)"
        }
        "$ip/$prefix"
    }
}

function Get-Argument {
    param([hashtable]$Wanted)
    $arguments = @{
        Name = $Wanted.Name
        Description = $Wanted.Description
        Direction = $Wanted.Direction
        Action = 'Allow'
        Enabled = 'True'
        Profile = 'Any'
        Protocol = $Wanted.Protocol
    }
    if ($Wanted.Ports) {
        $arguments[$(if ($Wanted.Direction -eq 'Inbound') { 'LocalPort' } else { 'RemotePort' })] = $Wanted.Ports
    }
    $arguments['RemoteAddress'] = if ($Wanted.Peers) { $Wanted.Peers } else { 'Any' }
    return $arguments
}

function New-Rule {
    param([hashtable]$Wanted)
    $arguments = Get-Argument -Wanted $Wanted
    $null = New-NetFirewallRule @arguments -DisplayName $Wanted.DisplayName -Group $group @store -ErrorAction Stop
}

# A rule of this name that somebody has edited.
function Set-Rule {
    param([hashtable]$Wanted)
    $arguments = Get-Argument -Wanted $Wanted
    Set-NetFirewallRule @arguments -Program 'Any' -NewDisplayName $Wanted.DisplayName @store -ErrorAction Stop
}
