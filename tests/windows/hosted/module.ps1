<#
.SYNOPSIS
Runs the module windows_policy once, as Ansible would, in this process; another one where PORTMATRIX_MODULE names it.

.PARAMETER Arguments
A file that request.py has written.

.PARAMETER Answer
The file that receives what the module writes.
#>
param(
    [Parameter(Mandatory = $true)]
    [string]$Arguments,
    [Parameter(Mandatory = $true)]
    [string]$Answer
)

$ErrorActionPreference = 'Stop'
$root = Split-Path -Parent (Split-Path -Parent (Split-Path -Parent $PSScriptRoot))
$module = Join-Path (Join-Path (Join-Path $root 'plugins') 'modules') 'windows_policy.ps1'

if ($env:PORTMATRIX_MODULE) {
    $module = $env:PORTMATRIX_MODULE
}

# the name that Ansible gives to the arguments of a module
$complex_args = @{}
$sent = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($Arguments))
foreach ($property in $sent.PSObject.Properties) {
    $complex_args[$property.Name] = $property.Value
}
$output = @(& ([scriptblock]::Create([System.IO.File]::ReadAllText($module))))
if ($output.Count -ne 1) {
    throw "the module wrote $($output.Count) objects: $output"
}
# a file, since the encoding of the output of a process depends on the host
[System.IO.File]::WriteAllText($Answer, $output[0])
