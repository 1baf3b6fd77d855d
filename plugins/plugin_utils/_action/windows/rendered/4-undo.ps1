# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Before the rules of portmatrix go: those of others let somebody in.
function Assert-OtherWayIn {
    foreach ($port in @(Get-ManagementPort)) {
        if (@(Get-AdmittedAddress -Port $port -ByOthers).Count -gt 0) {
            return
        }
    }
    throw 'no port of management would stay open without the rules of portmatrix; enable a rule for one, then run again'
}

# Back to what was before: what was closed is opened first.
function Undo-Change {
    Assert-NothingPending
    $memory = Read-Memory
    if (-not $memory) {
        throw "nothing is remembered in $folder, so there is nothing to undo"
    }
    foreach ($property in $memory.settings.PSObject.Properties) {
        $number, $name = $property.Name -split ' '
        $current = Get-NetFirewallProfile -Name $profiles[[int]$number] -ErrorAction Stop
        # a setting that somebody has changed since keeps its value
        if ((Get-Setting -Settings $current -Name $name) -and -not $property.Value) {
            Set-Setting -Where $profiles[[int]$number] -Name $name -Value $false
        }
    }
    @(Find-Remembered -Entries $memory.switched_off -Enabled 'False') | Where-Object { $_ } |
        ForEach-Object { Switch-Rule -Rule $_ -On $true }
    @(Find-Remembered -Entries $memory.switched_on -Enabled 'True') | Where-Object { $_ } |
        ForEach-Object { Switch-Rule -Rule $_ -On $false }
    if (-not $WhatIfPreference) {
        Assert-OtherWayIn
    }
    foreach ($rule in @(Find-Rule -Filter @{ Group = $group })) {
        if (Invoke-Change -What 'remove' -Target "the rule '$($rule.DisplayName)'" -Change {
                Remove-NetFirewallRule -Name $rule.Name -ErrorAction Stop }) {
            $done.Removed += 1
        }
    }
    if (Invoke-Change -What 'forget what was before' -Target $folder -Change {
            Remove-Item -LiteralPath (Join-Path $folder 'memory.json') -ErrorAction Stop }) {
        Write-Verbose 'forgotten'
    }
}
