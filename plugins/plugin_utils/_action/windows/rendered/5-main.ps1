# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The whole run: refuse, remember, change, look at what is in force.

function Get-Entry {
    param($Rules)
    foreach ($rule in @($Rules)) {
        $alike = @(Find-Rule -Filter @{ DisplayName = $rule.DisplayName } | Where-Object {
                $_.Name -ne $rule.Name -and "$($_.Enabled)" -ne "$($rule.Enabled)" })
        , @($rule.DisplayName, '', $alike.Count)
    }
}

# The former values of what is decided here, taken once; with those of an earlier run.
function Save-Memory {
    param(
        $Others,
        $CoreRules
    )
    $memory = Read-Memory
    $settings = @{}
    $off = @()
    $on = @()
    if ($memory) {
        foreach ($property in $memory.settings.PSObject.Properties) {
            $settings[$property.Name] = [bool]$property.Value
        }
        $off += @($memory.switched_off)
        $on += @($memory.switched_on)
    }
    foreach ($number in 1, 2, 4) {
        $current = Get-NetFirewallProfile -Name $profiles[$number] -ErrorAction Stop
        foreach ($name in $decision.Settings) {
            if (-not $settings.ContainsKey("$number $name")) {
                $settings["$number $name"] = Get-Setting -Settings $current -Name $name
            }
        }
    }
    $off += @(Get-Entry -Rules $Others)
    $on += @(Get-Entry -Rules $CoreRules)
    if (Invoke-Change -What 'remember what was before' -Target $folder -Change {
            Initialize-Folder
            $script:backup = Backup-Firewall
            Write-Memory -Settings $settings -SwitchedOff $off -SwitchedOn $on }) {
        Write-Verbose "remembered in $folder"
    }
    elseif (-not $WhatIfPreference) {
        throw 'what was before is not remembered, so nothing was changed'
    }
}

function Set-Decision {
    foreach ($number in 1, 2, 4) {
        $current = Get-NetFirewallProfile -Name $profiles[$number] @store -ErrorAction Stop
        foreach ($name in $decision.Settings) {
            if (-not (Get-Setting -Settings $current -Name $name)) {
                Set-Setting -Where $profiles[$number] -Name $name -Value $true
            }
        }
    }
}

# What is in force: group policy decides over what was set here.
function Assert-Decision {
    foreach ($number in 1, 2, 4) {
        $current = Get-NetFirewallProfile -Name $profiles[$number] @inForce -ErrorAction Stop
        foreach ($name in $decision.Settings) {
            if (-not (Get-Setting -Settings $current -Name $name)) {
                throw "$name is not in force in the $($profiles[$number]) profile; group policy decides it otherwise, or it was declined"
            }
        }
    }
}

# A session of Open-NetGPO: its rules can be made and removed, but Get-NetFirewallRule does not read them. It is a batch,
# so all of ours are made anew, and nothing is cut before Save-NetGPO.
function Reset-Session {
    $filters = @(Get-NetFirewallPortFilter -All @store -ErrorAction Stop | Where-Object { $_.InstanceID -match '^portmatrix-' })
    foreach ($filter in $filters) {
        if (Invoke-Change -What 'remove' -Target "the rule $($filter.InstanceID)" -Change {
                Remove-NetFirewallRule -Name $filter.InstanceID @store -ErrorAction Stop }) {
            $done.Removed += 1
        }
    }
    foreach ($wanted in $rules) {
        if (Invoke-Change -What 'make' -Target "the rule '$($wanted.DisplayName)'" -Change { New-Rule -Wanted $wanted }) {
            $done.Made += 1
        }
    }
    Set-Decision
}

function Start-Change {
    if ($isLocal) {
        if (-not $AnyComputer) {
            Assert-Computer
        }
        Assert-NothingPending
        Assert-Policy
    }
    $managementRules = @(Get-ManagementRule)
    if ($managementRules.Count -eq 0) {
        throw 'no port of management is open, so none would be kept open'
    }
    $script:managementPorts = @($managementRules | ForEach-Object { [int]$_.Ports[0] })
    $script:rules = $managementRules + @($flowRules)
    if (-not $isLocal -and ($decision.Exclusive -or $decision.DenyEgress)) {
        Write-Warning 'a policy cannot switch the rules of the computers that it applies to: those stay as they are there'
    }
    if ($GPOSession) {
        Reset-Session
        return
    }
    if ($isLocal) {
        Assert-Session -ManagementRules $managementRules
    }
    Assert-NothingBlocks
    $former = @(Find-Rule -Filter @{ Group = $group })
    $others = @(Find-Other)
    $coreRules = @(Find-Core)
    if ($isLocal -and (-not (Read-Memory) -or $others.Count + $coreRules.Count -gt 0)) {
        Save-Memory -Others $others -CoreRules $coreRules
    }
    Add-Rule -Former $former
    $coreRules | Where-Object { $_ } | ForEach-Object { Switch-Rule -Rule $_ -On $true }
    if (-not $WhatIfPreference) {
        Assert-WaysIn
    }
    Remove-Rule -Former $former
    $others | Where-Object { $_ } | ForEach-Object { Switch-Rule -Rule $_ -On $false }
    Set-Decision
    if ($isLocal -and -not $WhatIfPreference) {
        Assert-Decision
    }
}

try {
    if ($ConfirmChange) {
        Confirm-Window
        exit 0
    }
    if ($ConfirmWithin) {
        Start-Window
        exit 0
    }
    if ($Undo) {
        Undo-Change
    }
    else {
        Start-Change
    }
    Write-Output ("portmatrix: $($done.Made) rules made, $($done.Removed) removed, $($done.Kept) kept; " +
        "$($done.Switched) rules of others switched, $($done.Set) settings changed")
    if ($backup) {
        Write-Output "portmatrix: the former rules are in $backup (netsh advfirewall import)"
    }
}
catch {
    Write-Output "portmatrix: $($_.Exception.Message)"
    Write-Output ("portmatrix: stopped after $($done.Made) rules made, $($done.Removed) removed, " +
        "$($done.Switched) rules of others switched, $($done.Set) settings changed")
    exit 1
}
exit 0
