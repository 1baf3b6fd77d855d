<#
.SYNOPSIS
What the scripts of this folder look at on the host. Nothing of it uses the code under test.
#>
$firewallKey = 'HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules'

function Get-RecordFolder {
    return Join-Path $env:ProgramData 'portmatrix'
}

# Each local rule as Windows stores it, without the version of that format.
function Get-StoredRule {
    $key = Get-Item -LiteralPath $firewallKey
    return @($key.GetValueNames() | ForEach-Object { "$_ $($key.GetValue($_) -replace '^v[\d.]+\|', '')" })
}

function Get-ManagedRule {
    return @(Get-StoredRule | Where-Object { $_ -like '*|EmbedCtxt=portmatrix|*' })
}

# What is in force: a setting that was never made counts as its default.
function Get-ProfileSetting {
    foreach ($item in Get-NetFirewallProfile -PolicyStore ActiveStore) {
        $on = "$($item.Enabled)" -replace 'NotConfigured', 'True'
        $inbound = "$($item.DefaultInboundAction)" -replace 'NotConfigured', 'Block'
        $outbound = "$($item.DefaultOutboundAction)" -replace 'NotConfigured', 'Allow'
        $log = "$($item.LogBlocked)" -replace 'NotConfigured', 'False'
        Write-Output "profile $($item.Name): on $on, in $inbound, out $outbound, log $log"
    }
}

function Get-FirewallState {
    return @(Get-StoredRule) + @(Get-ProfileSetting)
}

function Test-Task {
    return [bool](Get-ScheduledTask -TaskName 'portmatrix-rollback' -ErrorAction SilentlyContinue)
}

# "SID: rights" of each who has access to PATH, and whether its parent folder adds to them.
function Get-Access {
    param([string]$Path)
    if (-not (Test-Path -LiteralPath $Path)) {
        return 'it is not there'
    }
    $security = Get-Acl -LiteralPath $Path
    foreach ($rule in $security.GetAccessRules($true, $true, [System.Security.Principal.SecurityIdentifier])) {
        Write-Output "$($rule.IdentityReference): $($rule.FileSystemRights) $($rule.AccessControlType)"
    }
    Write-Output "owner: $($security.GetOwner([System.Security.Principal.SecurityIdentifier]))"
    Write-Output "protected: $($security.AreAccessRulesProtected)"
}

# Whether a new connection to PORT of PEER can be opened within five seconds.
function Test-Outgoing {
    param(
        [string]$Peer,
        [int]$Port
    )
    $client = New-Object -TypeName System.Net.Sockets.TcpClient
    try {
        return $client.ConnectAsync($Peer, $Port).Wait(5000)
    }
    catch {
        return $false
    }
    finally {
        $client.Close()
    }
}
