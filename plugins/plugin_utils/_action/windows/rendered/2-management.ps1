# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The rules that keep management open: the ports that the inventory names, and those where something listens now that
# the rules in force admit. Without declared sources each is open to those to whom it is open now in any
# profile, and to nobody else.

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
            if ("$($rule.Profile)" -ne 'Any' -and -not $management.Peers -and -not $ByOthers) {
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
