<#
.SYNOPSIS
Asks the questions of checklist.ps1, keeps the answers with those of the module, and shows them on the page of the run.

.PARAMETER Phase
As for checklist.ps1.
#>
param(
    [Parameter(Mandatory = $true)]
    [string]$Phase
)

$ErrorActionPreference = 'Stop'
$windows = Split-Path -Parent $PSScriptRoot
$answers = Join-Path (Join-Path (Split-Path -Parent (Split-Path -Parent $windows)) 'build') 'answers'
$null = New-Item -ItemType Directory -Path $answers -Force
$lines = @()
& (Join-Path $windows 'checklist.ps1') -Phase $Phase | Tee-Object -Variable lines
$code = $LASTEXITCODE
[System.IO.File]::WriteAllLines((Join-Path $answers "questions-$Phase.txt"), [string[]]$lines)
if ($env:GITHUB_STEP_SUMMARY) {
    $table = @("### $Phase", '', '| question | answer |', '|---|---|')
    foreach ($line in $lines -like '*: *') {
        # a path in a question has a colon, too
        $end = $line.IndexOf(': ')
        $table += "| $($line.Substring(0, $end).Replace('|', '\|')) | $($line.Substring($end + 2).Replace('|', '\|')) |"
    }
    [System.IO.File]::AppendAllText($env:GITHUB_STEP_SUMMARY, ($table -join "`n") + "`n`n")
}
exit $code
