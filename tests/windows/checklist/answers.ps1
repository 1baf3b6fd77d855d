# Part of checklist.ps1: how a question is asked, and rules for questions.

$script:unasked = 0
$group = 'portmatrix-checklist'

# A question that fails does not prevent the next one.
function Write-Answer {
    param(
        [string]$Question,
        [scriptblock]$Answer
    )
    try {
        $text = (@(& $Answer) -join ' ') -replace '\s+', ' '
    }
    catch {
        $script:unasked += 1
        $text = "not asked, $(Get-Reason -Failure $_)"
    }
    Write-Output "${Question}: $text"
}

function Get-Reason {
    param([System.Management.Automation.ErrorRecord]$Failure)
    $cause = $Failure.Exception.GetBaseException()
    return ('0x{0:X8} {1}' -f $cause.HResult, $cause.Message) -replace '\s+', ' '
}

function Get-Policy {
    return New-Object -ComObject HNetCfg.FwPolicy2
}

# A detached, disabled rule that allows TCP in.
function New-ChecklistRule {
    param(
        [string]$Name = 'portmatrix-checklist',
        [int]$Protocol = 6,
        [string]$Ports,
        [string]$Addresses = '*',
        [string]$Description
    )
    $rule = New-Object -ComObject HNetCfg.FWRule
    $rule.Name = $Name
    $rule.Grouping = $group
    $rule.Direction = 1
    $rule.Protocol = $Protocol
    if ($Ports) {
        $rule.LocalPorts = $Ports
    }
    if ($Description) {
        $rule.Description = $Description
    }
    $rule.RemoteAddresses = $Addresses
    $rule.Action = 1
    $rule.Enabled = $false
    return $rule
}

function Get-ChecklistRule {
    return @((Get-Policy).Rules | Where-Object { $_.Grouping -eq $group })
}

# Remove takes a name, so each rule gets one of its own first.
function Remove-ChecklistRule {
    $policy = Get-Policy
    foreach ($rule in Get-ChecklistRule) {
        $name = "portmatrix-checklist-$([guid]::NewGuid().ToString('N'))"
        $rule.Name = $name
        $policy.Rules.Remove($name)
    }
}

# What SHOW makes of a rule with these PARTS after Windows has stored it, or who refuses it.
function Get-ReadBack {
    param(
        [hashtable]$Parts,
        [scriptblock]$Show
    )
    $rules = (Get-Policy).Rules
    $who = 'by the rule'
    try {
        $rule = New-ChecklistRule @Parts
        $who = 'when it is added'
        $rules.Add($rule)
        $who = 'when it is read back'
        $stored = @(Get-ChecklistRule)[0]
        return & $Show $stored
    }
    catch {
        return "refused $who, $(Get-Reason -Failure $_)"
    }
    finally {
        Remove-ChecklistRule
    }
}
