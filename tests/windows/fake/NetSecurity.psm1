# Cmdlets for rendered scripts, as those of a module behave: the preferences of a script do not reach them. The call whose
# number is $env:FAIL_AT fails.
function New-NetFirewallRule {
    [CmdletBinding()]
    param([string]$DisplayName, [string]$Group, $Direction, $Action, $Profile, $Protocol, $LocalPort, $RemotePort,
        $RemoteAddress, [string]$Description)
    Invoke-Step -Name "new $DisplayName"
    $script:rules += [pscustomobject]@{ DisplayName = $DisplayName; Group = $Group; Enabled = 'True' }
}
function Get-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Group, [string]$Enabled, [string]$Action, [string]$Direction)
    Invoke-Step -Name 'get'
    $found = @($script:rules | Where-Object { $Group -and $_.Group -eq $Group })
    if ($found.Count -eq 0) { Write-Error -Message 'none' -Category ObjectNotFound }
    $found
}
function Remove-NetFirewallRule {
    [CmdletBinding()]
    param([Parameter(ValueFromPipeline = $true)]$InputObject)
    process { if ($InputObject) { Invoke-Step -Name "remove $($InputObject.DisplayName)" } }
}
function Set-NetFirewallProfile {
    [CmdletBinding()]
    param([switch]$All, $Enabled, $DefaultInboundAction, $DefaultOutboundAction, $LogBlocked)
    Invoke-Step -Name 'tighten'
}
function Enable-NetFirewallRule {
    [CmdletBinding()]
    param([Parameter(ValueFromPipeline = $true)]$InputObject)
    process { }
}
function Disable-NetFirewallRule {
    [CmdletBinding()]
    param([Parameter(ValueFromPipeline = $true)]$InputObject)
    process { }
}
function Invoke-Step {
    param([string]$Name)
    $script:steps += 1
    if ($script:steps -eq $env:FAIL_AT) {
        Write-Error -Message 'it failed' -Category ResourceUnavailable
        return
    }
    Write-Host $Name
}
$script:rules = @([pscustomobject]@{ DisplayName = 'old'; Group = 'portmatrix'; Enabled = 'True' })
$script:steps = 0
Export-ModuleMember -Function *-Net*
