<#
.SYNOPSIS
A change that nobody confirms: the scheduled task rolls it back.

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

Test-Change -Name 'unconfirmed'
Test-That -What 'rules are there' -IsMet (@(Get-ManagedRule).Count -gt 0) -Detail 'none is'
Test-RollbackByTask -Name 'unconfirmed' -Before $before
Test-NothingLeft
Complete-Part
