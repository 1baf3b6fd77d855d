<#
.SYNOPSIS
Stands for hosted/host.ps1 where the host is imitated: the same functions, on the files of that host.
#>
$imitated = $env:PORTMATRIX_IMITATED_HOST

function Get-RecordFolder {
    return Join-Path $env:ProgramData 'portmatrix'
}

# The file is replaced while it is read.
function Read-Firewall {
    foreach ($attempt in 1..50) {
        try {
            return ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText((Join-Path $imitated 'firewall.json')))
        }
        catch {
            Start-Sleep -Milliseconds 20
        }
    }
    throw 'firewall.json cannot be read'
}

# The same text whatever the order of the members.
function Format-Member {
    param([psobject]$Item)
    return @($Item.PSObject.Properties | Sort-Object -Property Name | ForEach-Object {
            "$($_.Name)=" + $(if ($_.Value -is [System.Management.Automation.PSCustomObject]) { Format-Member -Item $_.Value } else { $_.Value })
        }) -join ';'
}

function Get-StoredRule {
    return @((Read-Firewall).rules | ForEach-Object { Format-Member -Item $_ })
}

function Get-ManagedRule {
    return @((Read-Firewall).rules | Where-Object { $_.Grouping -eq 'portmatrix' })
}

function Get-FirewallState {
    return @(Get-StoredRule) + @(Format-Member -Item (Read-Firewall).profiles)
}

function Test-Task {
    return Test-Path -LiteralPath (Join-Path $imitated 'task.json')
}

# There are no access lists here.
function Get-Access {
    param([string]$Path)
    if (Test-Path -LiteralPath $Path) {
        return 'S-1-5-32-544: FullControl Allow', 'S-1-5-18: FullControl Allow', 'owner: S-1-5-32-544', 'protected: True'
    }
}

function Test-Outgoing {
    param(
        [string]$Peer,
        [int]$Port
    )
    $firewall = Read-Firewall
    $admitting = @($firewall.rules | Where-Object {
            $_.Enabled -and $_.Allow -and -not $_.Inbound -and $_.Protocol -eq 6 -and $_.RemotePorts -split ',' -contains "$Port"
        })
    return -not $firewall.profiles.'1'.BlockOutbound -or $admitting.Count -gt 0
}
