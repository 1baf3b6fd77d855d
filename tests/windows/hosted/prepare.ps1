<#
.SYNOPSIS
WinRM listens on this host, as on one that Ansible manages; and what the host is like.
#>
param()

$ErrorActionPreference = 'Stop'
if (-not (Get-NetTCPConnection -LocalPort 5985 -State Listen -ErrorAction SilentlyContinue)) {
    Enable-PSRemoting -Force -SkipNetworkProfileCheck
}
Get-NetTCPConnection -LocalPort 22, 3389, 5985, 5986 -State Listen -ErrorAction SilentlyContinue |
    ForEach-Object { Write-Output "listens: $($_.LocalAddress) port $($_.LocalPort)" }
Get-NetConnectionProfile | ForEach-Object { Write-Output "network: $($_.Name), $($_.NetworkCategory)" }
foreach ($item in Get-NetFirewallProfile -PolicyStore ActiveStore) {
    Write-Output "profile: $($item.Name), on $($item.Enabled), in $($item.DefaultInboundAction), out $($item.DefaultOutboundAction)"
}
Write-Output "system: $([Environment]::OSVersion.Version), PowerShell $($PSVersionTable.PSVersion)"
