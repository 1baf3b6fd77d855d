<#
.SYNOPSIS
A module that is killed while it applies a change of many rules: the scheduled task rolls it back.

.PARAMETER Requests
The folder with what request.py has written.
#>
param(
    [Parameter(Mandatory = $true)]
    [string]$Requests
)

$ErrorActionPreference = 'Stop'
. (Join-Path $PSScriptRoot 'functions.ps1')
$before = @(Get-FirewallState)
$pending = Join-Path (Get-RecordFolder) 'pending.json'

$process = Start-Module -Name 'killed'
$isPending = Wait-Until -Seconds 300 -Condition { [System.IO.File]::Exists($pending) -or $process.HasExited }
$null = Wait-Until -Seconds 60 -Condition { @(Get-ManagedRule).Count -gt 0 -or $process.HasExited }
$isHalfWay = -not $process.HasExited
if ($isHalfWay) {
    $process.Kill()
}
$process.WaitForExit()
$answer = Join-Path $answers 'killed.json'
$text = [System.IO.File]::ReadAllText("$answer.err")
if (Test-Path -LiteralPath $answer) {
    $text += [System.IO.File]::ReadAllText($answer)
}
$count = @(Get-ManagedRule).Count
Test-That -What "the module was killed half-way, with $count rules applied" -IsMet ($isPending -and $isHalfWay) -Detail $text
Test-That -What 'a change is pending' -IsMet ([System.IO.File]::Exists($pending)) -Detail $pending
Test-RollbackByTask -Name 'killed' -Before $before
Test-NothingLeft
Complete-Part
