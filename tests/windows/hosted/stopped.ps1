<#
.SYNOPSIS
Where the service of the firewall does not run, the module refuses. Windows may not let anybody stop that service; then
a warning says that nothing was tested.

.PARAMETER Requests
The folder with what request.py has written.
#>
param(
    [Parameter(Mandatory = $true)]
    [string]$Requests
)

$ErrorActionPreference = 'Stop'
. (Join-Path $PSScriptRoot 'functions.ps1')

try {
    try {
        Stop-Service -Name mpssvc -Force
    }
    catch {
        Write-Output "        Stop-Service: $($_.Exception.GetBaseException().Message)"
    }
    $isStopped = (Get-Service -Name mpssvc).Status -eq 'Stopped'
    if ($isStopped) {
        $answer = Invoke-Module -Name 'gathered'
        Test-That -What 'the module refuses' -IsMet ($answer.answer.refused -eq 'service_stopped') -Detail $answer.text
    }
    else {
        Write-Output '::warning::Windows did not stop mpssvc, so the refusal service_stopped was not tested'
    }
}
finally {
    Start-Service -Name mpssvc
}
Complete-Part
