<#
.SYNOPSIS
Check, apply, confirm, again, gathered and absent, with the real parts of the module.

.PARAMETER Requests
The folder with what request.py has written.
#>
param(
    [Parameter(Mandatory = $true)]
    [string]$Requests
)

$ErrorActionPreference = 'Stop'
. (Join-Path $PSScriptRoot 'functions.ps1')
$administrators = 'S-1-5-32-544'
$system = 'S-1-5-18'
$before = @(Get-FirewallState)

Test-Change -Name 'check'
Test-SameState -What 'check mode has changed nothing' -Before $before
Test-That -What 'check mode keeps no records' -IsMet (-not (Test-Path -LiteralPath (Get-RecordFolder))) -Detail (Get-RecordFolder)

$answer = Invoke-Module -Name 'enforced'
$facts = $answer.answer.facts
$isMet = $facts -and $facts.changed -and $facts.pending -and $facts.came.Count -gt 0
Test-That -What 'enforced: the change is pending' -IsMet $isMet -Detail $answer.text
# nobody manages this host over its network
Test-That -What 'the way in cannot be seen' -IsMet ([bool]$facts.way_unseen) -Detail $answer.text
$count = @(Get-ManagedRule).Count
Test-That -What "$count rules are there" -IsMet ($count -eq $facts.came.Count) -Detail "$($facts.came.Count) were announced"
Test-That -What 'the task is there' -IsMet (Test-Task) -Detail 'portmatrix-rollback is missing'
$access = @(Get-Access -Path (Get-RecordFolder) | Sort-Object) -join ', '
Write-Output "        access to the folder of the records: $access"
$expected = "owner: $administrators, protected: True, ${system}: FullControl Allow, ${administrators}: FullControl Allow"
Test-That -What 'only administrators and SYSTEM have access to it' -IsMet ($access -eq $expected) -Detail $access
Test-Confirmation -Name 'enforced'

$applied = @(Get-FirewallState)
Test-Change -Name 'again' -Changed $false
Test-SameState -What 'a second run has changed nothing' -Before $applied
$answer = Invoke-Module -Name 'gathered'
$facts = $answer.answer.facts
Test-That -What 'gathered: enforced' -IsMet ($facts.enforced -and $facts.active) -Detail $answer.text
Test-That -What "gathered: $count rules" -IsMet (@($facts.rules).Count -eq $count) -Detail $answer.text

Test-Change -Name 'absent'
Test-Confirmation -Name 'absent'
Test-SameState -What 'the host is as it was before' -Before $before
Test-NothingLeft
# what is validated here, Windows may refuse
$answer = Invoke-Module -Name 'unusual'
$words = if ($answer.answer.facts) { 'accepted' } else { "refused: $($answer.text)" }
Write-Output "        VRRP, ESP, AH, GRE, ICMPv6 and 2,500 addresses: $words"
Complete-Part
