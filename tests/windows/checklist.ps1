<#
.SYNOPSIS
Answers the open questions about a real Windows Firewall: one line each, "question: answer". The last line counts those
that could not be asked; the exit code is 1 then.

.DESCRIPTION
Every rule that it adds to the local rules is disabled, in the group portmatrix-checklist, and removed at the end. The
phase policy adds group policy to this computer, for a profile that is not active, and restores what was there.

.PARAMETER Phase
ask: questions about rules; arm: register a task with the triggers of a rollback; armed: how it ran; policy: questions
about group policy.
#>
param(
    [ValidateSet('ask', 'arm', 'armed', 'policy')]
    [string]$Phase = 'ask'
)

$ErrorActionPreference = 'Stop'
# checklist.yml puts the files themselves here, since Ansible copies one script only
foreach ($part in Get-ChildItem -LiteralPath (Join-Path $PSScriptRoot 'checklist') -Filter '*.ps1') { . $part.FullName }

Write-Answer -Question 'system' -Answer {
    "$([Environment]::OSVersion.Version), PowerShell $($PSVersionTable.PSVersion), language $([CultureInfo]::CurrentUICulture)"
}
switch ($Phase) {
    'ask' {
        Show-Listing
        Show-BuiltInRule
        Show-PolicyKey
        Show-AddedRule
    }
    'arm' { Register-ChecklistTask }
    'armed' { Show-TaskRun }
    'policy' { Show-GroupPolicy }
}
Write-Output "questions that could not be asked: $($script:unasked)"
exit [int]($script:unasked -gt 0)
