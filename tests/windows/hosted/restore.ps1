<#
.SYNOPSIS
The firewall as it was exported, whatever has happened since, so that the host stays reachable.

.PARAMETER Export
The file that netsh has written.
#>
param(
    [Parameter(Mandatory = $true)]
    [string]$Export
)

$ErrorActionPreference = 'Continue'
# first the task, which would restore something else later
Unregister-ScheduledTask -TaskName 'portmatrix-rollback' -Confirm:$false -ErrorAction SilentlyContinue
& netsh.exe advfirewall import $Export
$code = $LASTEXITCODE
Remove-Item -LiteralPath (Join-Path $env:ProgramData 'portmatrix') -Recurse -Force -ErrorAction SilentlyContinue
exit $code
