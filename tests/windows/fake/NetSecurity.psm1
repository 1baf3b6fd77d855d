# The cmdlets that rendered scripts call, on a firewall in a file ($env:FIREWALL, JSON). As those of a module behave: the
# preferences of a script do not reach them. Parameters, their sets and values are those of the documentation of
# Windows Server 2022 (Get-NetFirewallRule has no -GPOSession there). The call whose number is $env:FAIL_AT fails;
# $env:JOURNAL receives a line for each change.
$script:calls = 0

function Read-State {
    return (ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($env:FIREWALL)))
}

function Write-State {
    param($State)
    [System.IO.File]::WriteAllText($env:FIREWALL, (ConvertTo-Json -InputObject $State -Depth 6))
}

# Whether the call goes on; one that fails does so as cmdlets do, without ending the script by itself.
function Test-Call {
    param(
        [string]$Change,
        $Cmdlet
    )
    $script:calls += 1
    if ("$($script:calls)" -eq $env:FAIL_AT) {
        $record = New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList (
            [InvalidOperationException]'The RPC server is unavailable.'), 'failed', 'ResourceUnavailable', $null
        $Cmdlet.WriteError($record)
        return $false
    }
    if ($Change) {
        [System.IO.File]::AppendAllText($env:JOURNAL, "$Change`n")
    }
    return $true
}

function Get-NetFirewallRule {
    [CmdletBinding(DefaultParameterSetName = 'GetAll')]
    param(
        [Parameter(ParameterSetName = 'ByName', Mandatory = $true)][string[]]$Name,
        [Parameter(ParameterSetName = 'ByDisplayName', Mandatory = $true)][string[]]$DisplayName,
        [Parameter(ParameterSetName = 'ByQuery')][string[]]$Group,
        [Parameter(ParameterSetName = 'ByQuery')][ValidateSet('True', 'False')][string[]]$Enabled,
        [Parameter(ParameterSetName = 'ByQuery')][ValidateSet('NotConfigured', 'Allow', 'Block')][string[]]$Action,
        [Parameter(ParameterSetName = 'ByQuery')][ValidateSet('Inbound', 'Outbound')][string[]]$Direction,
        [string]$PolicyStore)
    if (-not (Test-Call -Cmdlet $PSCmdlet)) { return }
    $found = @((Read-State).rules | Where-Object {
            $rule = $_
            @('Name', 'DisplayName', 'Group', 'Enabled', 'Action', 'Direction' | Where-Object {
                    $PSBoundParameters.ContainsKey($_) -and @($PSBoundParameters[$_]) -notcontains $rule.$_ }).Count -eq 0 })
    if ($found.Count -eq 0) {
        $record = New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList (
            [InvalidOperationException]'No rule was found.'), 'none', 'ObjectNotFound', $null
        $PSCmdlet.WriteError($record)
    }
    $found
}

function New-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name, [Parameter(Mandatory = $true)][string]$DisplayName, [string]$Description, [string]$Group,
        [ValidateSet('Inbound', 'Outbound')][string]$Direction, [ValidateSet('Allow', 'Block')][string]$Action,
        [ValidateSet('True', 'False')][string]$Enabled, [string]$Profile, [string]$Protocol, [string[]]$LocalPort,
        [string[]]$RemotePort, [string[]]$RemoteAddress, [string]$PolicyStore, [string]$GPOSession)
    if (-not (Test-Call -Change "new $DisplayName" -Cmdlet $PSCmdlet)) { return }
    $state = Read-State
    if (@($state.rules | Where-Object { $_.Name -eq $Name }).Count -gt 0) { throw "there is a rule $Name" }
    $rule = [pscustomobject]@{ Name = $Name; DisplayName = $DisplayName; Description = $Description; Group = $Group
        Direction = $Direction; Action = $Action; Enabled = $Enabled; Profile = $Profile; Protocol = $Protocol
        # ICMP is read back with a port that means nothing
        LocalPort = @(if ($LocalPort) { $LocalPort } elseif ($Protocol -match 'ICMP') { 'RPC' } else { 'Any' })
        RemotePort = @(if ($RemotePort) { $RemotePort } else { 'Any' })
        # single addresses are read back without their prefix
        RemoteAddress = @($RemoteAddress | ForEach-Object { $_ -replace '/(32|128)$' }); Program = 'Any' }
    $state.rules = @($state.rules) + $rule
    Write-State -State $state
    $rule
}

function Set-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name, [string]$NewDisplayName, [string]$Description, [string]$Direction, [string]$Action,
        [ValidateSet('True', 'False')][string]$Enabled, [string]$Profile, [string]$Protocol, [string[]]$LocalPort,
        [string[]]$RemotePort, [string[]]$RemoteAddress, [string]$Program, [string]$PolicyStore, [string]$GPOSession)
    if (-not (Test-Call -Change "set $Name" -Cmdlet $PSCmdlet)) { return }
    $state = Read-State
    foreach ($rule in @($state.rules | Where-Object { $_.Name -eq $Name })) {
        foreach ($key in 'Description', 'Direction', 'Action', 'Enabled', 'Protocol', 'LocalPort', 'RemotePort', 'RemoteAddress',
            'Profile', 'Program') {
            if ($PSBoundParameters.ContainsKey($key)) { $rule.$key = $PSBoundParameters[$key] }
        }
        if ($NewDisplayName) { $rule.DisplayName = $NewDisplayName }
    }
    Write-State -State $state
}

function Remove-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name, [string]$PolicyStore, [string]$GPOSession)
    if (-not (Test-Call -Change "remove $Name" -Cmdlet $PSCmdlet)) { return }
    $state = Read-State
    $state.rules = @($state.rules | Where-Object { $_.Name -ne $Name })
    Write-State -State $state
}

function Set-Enabled {
    param([string]$Name, [string]$Value)
    $state = Read-State
    @($state.rules | Where-Object { $_.Name -eq $Name })[0].Enabled = $Value
    Write-State -State $state
}

function Enable-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name, [string]$PolicyStore, [string]$GPOSession)
    if (Test-Call -Change "enable $Name" -Cmdlet $PSCmdlet) { Set-Enabled -Name $Name -Value 'True' }
}

function Disable-NetFirewallRule {
    [CmdletBinding()]
    param([string]$Name, [string]$PolicyStore, [string]$GPOSession)
    if (Test-Call -Change "disable $Name" -Cmdlet $PSCmdlet) { Set-Enabled -Name $Name -Value 'False' }
}

function Get-Filter {
    param($Cmdlet, $Rule)
    if (Test-Call -Cmdlet $Cmdlet) { @((Read-State).rules | Where-Object { $_.Name -eq $Rule.Name })[0] }
}

function Get-NetFirewallPortFilter {
    [CmdletBinding(DefaultParameterSetName = 'GetAll')]
    param(
        [Parameter(ParameterSetName = 'GetAll')][switch]$All,
        [Parameter(ParameterSetName = 'ByAssociatedNetFirewallRule', Mandatory = $true)]$AssociatedNetFirewallRule,
        [string]$PolicyStore, [string]$GPOSession)
    if ($All) {
        return @((Read-State).rules | ForEach-Object { [pscustomobject]@{ InstanceID = $_.Name } })
    }
    Get-Filter -Cmdlet $PSCmdlet -Rule $AssociatedNetFirewallRule
}

function Get-NetFirewallAddressFilter {
    [CmdletBinding()]
    param($AssociatedNetFirewallRule, [string]$PolicyStore, [string]$GPOSession)
    Get-Filter -Cmdlet $PSCmdlet -Rule $AssociatedNetFirewallRule
}

function Get-NetFirewallApplicationFilter {
    [CmdletBinding()]
    param($AssociatedNetFirewallRule, [string]$PolicyStore, [string]$GPOSession)
    Get-Filter -Cmdlet $PSCmdlet -Rule $AssociatedNetFirewallRule
}

function Get-NetFirewallProfile {
    [CmdletBinding()]
    param([string[]]$Name, [string]$PolicyStore, [string]$GPOSession)
    if (Test-Call -Cmdlet $PSCmdlet) {
        $state = Read-State
        foreach ($settings in @($state.profiles | Where-Object { -not $Name -or $Name -contains $_.Name })) {
            if ($PolicyStore -eq 'ActiveStore') {
                # group policy decides over the settings of the computer
                foreach ($property in $state.policy.PSObject.Properties) { $settings.$($property.Name) = $property.Value }
            }
            $settings
        }
    }
}

function Set-NetFirewallProfile {
    [CmdletBinding()]
    param(
        [ValidateSet('Any', 'Domain', 'Private', 'Public', 'NotApplicable')][string[]]$Name,
        [ValidateSet('False', 'True', 'NotConfigured')][string]$Enabled,
        [ValidateSet('NotConfigured', 'Allow', 'Block')][string]$DefaultInboundAction,
        [ValidateSet('NotConfigured', 'Allow', 'Block')][string]$DefaultOutboundAction,
        [ValidateSet('False', 'True', 'NotConfigured')][string]$LogBlocked,
        [string]$PolicyStore, [string]$GPOSession)
    if (-not (Test-Call -Change "profile $Name" -Cmdlet $PSCmdlet)) { return }
    $state = Read-State
    foreach ($key in 'Enabled', 'DefaultInboundAction', 'DefaultOutboundAction', 'LogBlocked') {
        if ($PSBoundParameters.ContainsKey($key)) {
            @($state.profiles | Where-Object { $_.Name -eq $Name })[0].$key = $PSBoundParameters[$key]
        }
    }
    Write-State -State $state
}

function Get-NetTCPConnection {
    [CmdletBinding()]
    param([string]$State)
    if (-not (Test-Call -Cmdlet $PSCmdlet)) { return }
    if ($State -eq 'Established') {
        @((Read-State).connected | ForEach-Object { [pscustomobject]@{ LocalPort = $_[0]; RemoteAddress = $_[1] } })
    }
    else {
        @((Read-State).listening | ForEach-Object { [pscustomobject]@{ LocalPort = $_ } })
    }
}

# programs, not cmdlets: they tell by their exit code
function netsh.exe {
    $script:calls += 1
    $global:LASTEXITCODE = [int]("$($script:calls)" -eq $env:FAIL_AT)
}

function icacls.exe {
    $script:calls += 1
    $global:LASTEXITCODE = [int]("$($script:calls)" -eq $env:FAIL_AT)
}

# Who owns a folder, and has access to it: administrators, and whom $env:FOLDER_HOLDER names.
function Get-Acl {
    [CmdletBinding()]
    param([string]$LiteralPath)
    if (-not (Test-Path -LiteralPath $LiteralPath)) {
        $PSCmdlet.WriteError((New-Object -TypeName System.Management.Automation.ErrorRecord -ArgumentList (
                    [System.IO.FileNotFoundException]"no $LiteralPath"), 'missing', 'ObjectNotFound', $null))
        return
    }
    $security = New-Object -TypeName psobject
    $security | Add-Member -MemberType ScriptMethod -Name GetOwner -Value { [pscustomobject]@{ Value = 'S-1-5-32-544' } }
    $security | Add-Member -MemberType ScriptMethod -Name GetAccessRules -Value {
        foreach ($value in @('S-1-5-18', "$env:FOLDER_HOLDER") -ne '') {
            [pscustomobject]@{ AccessControlType = 'Allow'; IdentityReference = [pscustomobject]@{ Value = $value } }
        }
    }
    $security
}

function Get-CallCount {
    $script:calls
}

Export-ModuleMember -Function '*-Net*', 'netsh.exe', 'icacls.exe', 'Get-Acl', 'Get-CallCount'
