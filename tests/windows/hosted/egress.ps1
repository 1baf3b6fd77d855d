<#
.SYNOPSIS
Egress denied but for DNS and port 443, released at once. A connection that stands meanwhile shows whether it survives
that its rule is added and replaced.

.PARAMETER Requests
The folder with what request.py has written.

.PARAMETER Peer
A web server; it must accept connections to the ports 80 and 443.

.PARAMETER Port
The port of the connection that stands meanwhile.
#>
param(
    [Parameter(Mandatory = $true)]
    [string]$Requests,
    [string]$Peer = 'github.com',
    [int]$Port = 443
)

$ErrorActionPreference = 'Stop'
. (Join-Path $PSScriptRoot 'functions.ps1')
$before = @(Get-FirewallState)
$address = @([System.Net.Dns]::GetHostAddresses($Peer) | Where-Object { $_.AddressFamily -eq 'InterNetwork' })[0].ToString()
$log = Join-Path $answers 'session.txt'
Remove-Item -LiteralPath $log, "$log.stop" -ErrorAction SilentlyContinue
foreach ($number in 80, 443) {
    Test-That -What "port $number is open before" -IsMet (Test-Outgoing -Peer $address -Port $number) -Detail $address
}
$session = Start-Script -Path (Join-Path $PSScriptRoot 'session.ps1') -Log $log `
    -Arguments '-Peer', $Peer, '-Port', $Port, '-Log', $log
Test-That -What 'a connection stands' -IsMet (Wait-Until -Seconds 30 -Condition { Test-Path -LiteralPath $log }) -Detail $Peer

foreach ($name in 'egress', 'replaced') {
    Test-Change -Name $name
    Test-That -What 'a new connection to port 443 is allowed' -IsMet (Test-Outgoing -Peer $address -Port 443) -Detail $address
    Test-That -What 'one to port 80 is denied' -IsMet (-not (Test-Outgoing -Peer $address -Port 80)) -Detail $address
    Test-Confirmation -Name $name
}
Start-Sleep -Seconds 3
$null = New-Item -ItemType File -Path "$log.stop"
$null = $session.WaitForExit(30000)
Write-Output "        does an established connection survive the replacement of its rule: $(@(Get-Content -LiteralPath $log)[-1])"

Test-Change -Name 'egress-absent'
Test-Confirmation -Name 'egress-absent'
Test-That -What 'port 80 is open again' -IsMet (Test-Outgoing -Peer $address -Port 80) -Detail $address
Test-SameState -What 'the host is as it was before' -Before $before
Test-NothingLeft
Complete-Part
