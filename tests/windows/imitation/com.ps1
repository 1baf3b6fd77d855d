<#
.SYNOPSIS
Stands for what checklist.ps1 needs of Windows: COM objects, cmdlets and the registry, as far as its questions go.
Dot-sourced before it. It proves the questions, not the answers.
#>
# COM adds without an answer, and removes by name.
$global:imitatedRules = [System.Collections.ArrayList]::new()
Add-Member -InputObject $global:imitatedRules -MemberType ScriptMethod -Name Add -Force -Value { $null = $this.PSBase.Add($args[0]) }
Add-Member -InputObject $global:imitatedRules -MemberType ScriptMethod -Name Remove -Force -Value {
    $name = $args[0]
    $found = @($this | Where-Object { $_.Name -eq $name })
    if ($found) {
        $this.PSBase.Remove($found[0])
    }
}
$global:imitatedXml = ''

function New-ImitatedRule {
    $rule = [pscustomobject]@{
        Name = ''; Grouping = ''; Direction = 1; Protocol = 256; LocalPorts = ''; RemoteAddresses = '*'; Action = 1; Enabled = $false
        IcmpTypesAndCodes = ''; Profiles = 7; ApplicationName = ''; ServiceName = ''; Text = ''
    }
    Add-Member -InputObject $rule -MemberType ScriptProperty -Name Description -Value { $this.Text } -SecondValue {
        if ($args[0].Length -gt 10000) {
            throw 'the description is too long'
        }
        $this.Text = $args[0]
    }
    return $rule
}

function New-ImitatedPolicy {
    $policy = [pscustomobject]@{ Rules = $global:imitatedRules; CurrentProfileTypes = 4; LocalPolicyModifyState = 0 }
    foreach ($name in 'FirewallEnabled', 'DefaultOutboundAction', 'BlockAllInboundTraffic') {
        Add-Member -InputObject $policy -MemberType ScriptMethod -Name $name -Value { 1 }
    }
    Add-Member -InputObject $policy -MemberType ScriptMethod -Name DefaultInboundAction -Value { 0 }
    return $policy
}

function New-ImitatedScheduler {
    $folder = [pscustomobject]@{}
    Add-Member -InputObject $folder -MemberType ScriptMethod -Name RegisterTask -Value { $global:imitatedXml = [xml]$args[1] }
    Add-Member -InputObject $folder -MemberType ScriptMethod -Name DeleteTask -Value { $null }
    Add-Member -InputObject $folder -MemberType ScriptMethod -Name GetTask -Value { $this }
    Add-Member -InputObject $folder -MemberType ScriptMethod -Name Stop -Value { $null }
    $service = [pscustomobject]@{ Folder = $folder }
    Add-Member -InputObject $service -MemberType ScriptMethod -Name Connect -Value { $null }
    Add-Member -InputObject $service -MemberType ScriptMethod -Name GetFolder -Value { $this.Folder }
    return $service
}

function New-Object {
    param([string]$ComObject)
    switch ($ComObject) {
        'HNetCfg.FwPolicy2' { return New-ImitatedPolicy }
        'HNetCfg.FWRule' { return New-ImitatedRule }
        'Schedule.Service' { return New-ImitatedScheduler }
    }
    throw "$ComObject is not imitated"
}

# The registry: each key holds one rule.
function Test-Path {
    param([string]$LiteralPath)
    return $LiteralPath -like 'HKLM:*' -or [System.IO.File]::Exists($LiteralPath)
}

function Get-ChildItem {
    param(
        [string]$LiteralPath,
        [string]$Filter
    )
    if ($LiteralPath -notlike 'HKLM:*') {
        Microsoft.PowerShell.Management\Get-ChildItem @PSBoundParameters
    }
}

function Get-Item {
    $key = [pscustomobject]@{ ValueCount = 1; PSChildName = 'key' }
    Add-Member -InputObject $key -MemberType ScriptMethod -Name GetValueNames -Value { , @('one') }
    Add-Member -InputObject $key -MemberType ScriptMethod -Name GetValue -Value { 'v2.31|Action=Allow|Name=@FirewallAPI.dll,-30253|' }
    Add-Member -InputObject $key -MemberType ScriptMethod -Name GetValueKind -Value { 'String' }
    return $key
}

function Get-NetFirewallRule { return }
function Set-NetFirewallProfile { return }

function Remove-NetFirewallRule {
    $global:imitatedRules.Remove('portmatrix-checklist')
}

function gpupdate.exe {
    $global:LASTEXITCODE = 0
}

function New-NetFirewallRule {
    $rule = New-ImitatedRule
    $rule.Name = 'portmatrix-checklist'
    $global:imitatedRules.Add($rule)
}

function Get-CimInstance {
    return [pscustomobject]@{ LastBootUpTime = [DateTime]::UtcNow }
}

function Get-NetTCPConnection {
    return [pscustomobject]@{ LocalPort = 5985; LocalAddress = '192.0.2.1'; RemoteAddress = '198.51.100.1' }
}

foreach ($port in '22', '5985') {
    $rule = New-ImitatedRule
    $rule.Name = "rule for $port"
    $rule.Grouping = '@FirewallAPI.dll,-25000'
    $rule.Protocol = 6
    $rule.LocalPorts = $port
    $rule.ApplicationName = 'System'
    $rule.Enabled = $true
    $global:imitatedRules.Add($rule)
}
