<#
.SYNOPSIS
What the scripts of this folder share. Each of them dot-sources it, prints one line per expectation, and ends with exit
code 1 if one is not met.
#>
$Requests = (Resolve-Path -LiteralPath $Requests).ProviderPath
$root = Split-Path -Parent (Split-Path -Parent (Split-Path -Parent $PSScriptRoot))
# seconds that the Task Scheduler has beyond the window of a change
$patience = if ($env:PORTMATRIX_PATIENCE) { [int]$env:PORTMATRIX_PATIENCE } else { 120 }
$answers = if ($env:PORTMATRIX_ANSWERS) { $env:PORTMATRIX_ANSWERS } else { Join-Path (Join-Path $root 'build') 'answers' }
$null = New-Item -ItemType Directory -Path $answers -Force
$script:failures = 0

# where there is no Windows, another script of that name stands for the host
$hostFolder = if ($env:PORTMATRIX_IMITATED_HOST) { Join-Path (Split-Path -Parent $PSScriptRoot) 'imitation' } else { $PSScriptRoot }
. (Join-Path $hostFolder 'host.ps1')
# Expand-Text
. (Join-Path $root 'plugins/plugin_utils/_action/windows/rendered/1-text.ps1')

function Test-That {
    param(
        [string]$What,
        [bool]$IsMet,
        [string]$Detail
    )
    if ($IsMet) {
        Write-Output "ok      $What"
    }
    else {
        $script:failures += 1
        Write-Output "FAILED  ${What}: $Detail"
    }
}

function Complete-Part {
    $end = if ($script:failures -gt 0) { "$($script:failures) failed" } else { 'all passed' }
    Write-Output $end
    exit [int]($script:failures -gt 0)
}

function Wait-Until {
    param(
        [int]$Seconds,
        [scriptblock]$Condition
    )
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    while (-not (& $Condition)) {
        if ($watch.Elapsed.TotalSeconds -gt $Seconds) {
            return $false
        }
        Start-Sleep -Milliseconds 5
    }
    return $true
}

function Start-Script {
    param(
        [string]$Path,
        [string[]]$Arguments,
        [string]$Log
    )
    # the PowerShell that runs this
    $program = if ($env:PORTMATRIX_POWERSHELL) { $env:PORTMATRIX_POWERSHELL } else { (Get-Process -Id $PID).Path }
    # Start-Process does not quote the items of a list
    $line = @('-NoProfile', '-NonInteractive', '-File', $Path) + $Arguments
    $line = @($line | ForEach-Object { if ($_ -match '\s') { "`"$_`"" } else { $_ } })
    $process = Start-Process -FilePath $program -ArgumentList $line -NoNewWindow -PassThru `
        -RedirectStandardOutput "$Log.out" -RedirectStandardError "$Log.err"
    # without it, Windows PowerShell does not know the exit code later
    $null = $process.Handle
    return $process
}

function Start-Module {
    param([string]$Name)
    $request = Join-Path $Requests "$Name.json"
    $answer = Join-Path $answers "$Name.json"
    Remove-Item -LiteralPath $answer -ErrorAction SilentlyContinue
    return Start-Script -Path (Join-Path $PSScriptRoot 'module.ps1') -Log $answer `
        -Arguments '-Arguments', $request, '-Answer', $answer
}

# The answer to the call NAME; one without facts where the module did not answer.
function Invoke-Module {
    param([string]$Name)
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $process = Start-Module -Name $Name
    $path = Join-Path $answers "$Name.json"
    if (-not $process.WaitForExit(600000)) {
        $process.Kill()
    }
    $text = if (Test-Path -LiteralPath $path) { [System.IO.File]::ReadAllText($path) } else { '{}' }
    $errors = [System.IO.File]::ReadAllText("$path.err") + [System.IO.File]::ReadAllText("$path.out")
    # not through the pipeline, which carries the answer
    [Console]::Out.WriteLine("call    ${Name}: $([Math]::Round($watch.Elapsed.TotalSeconds, 1)) s $errors")
    $answer = ConvertFrom-Json -InputObject $text
    Add-Member -InputObject $answer -NotePropertyName 'text' -NotePropertyValue $text
    return $answer
}

function Test-Change {
    param(
        [string]$Name,
        [bool]$Changed = $true
    )
    $answer = Invoke-Module -Name $Name
    $isMet = $answer.answer.facts -and $answer.answer.facts.changed -eq $Changed
    Test-That -What "${Name}: changed is $Changed" -IsMet $isMet -Detail $answer.text
}

function Test-Confirmation {
    param([string]$Name)
    $answer = Invoke-Module -Name "$Name-confirmed"
    Test-That -What "$Name is confirmed" -IsMet ($answer.answer.facts.outcome -eq 'confirmed') -Detail $answer.text
    Test-That -What 'no task is left' -IsMet (-not (Test-Task)) -Detail 'portmatrix-rollback is there'
}

function Test-SameState {
    param(
        [string]$What,
        [string[]]$Before
    )
    $different = @(Compare-Object -ReferenceObject $Before -DifferenceObject @(Get-FirewallState) |
            ForEach-Object { "$($_.SideIndicator) $($_.InputObject)" })
    $shown = @($different | Select-Object -First 20) -join "`n"
    Test-That -What $What -IsMet ($different.Count -eq 0) -Detail "$($different.Count) differences`n$shown"
}

function Test-RollbackByTask {
    param(
        [string]$Name,
        [string[]]$Before
    )
    $pending = Join-Path (Get-RecordFolder) 'pending.json'
    $watch = [System.Diagnostics.Stopwatch]::StartNew()
    $isOver = Wait-Until -Seconds ((Get-Window -Name $Name) + $patience) -Condition { -not [System.IO.File]::Exists($pending) }
    $seconds = [Math]::Round($watch.Elapsed.TotalSeconds)
    Test-That -What "the task has rolled $Name back ($seconds s)" -IsMet $isOver -Detail 'pending.json is still there'
    Test-SameState -What 'the host is as it was before' -Before $Before
    $outcome = (Invoke-Module -Name 'outcome').answer.facts
    $text = ConvertTo-Json -InputObject $outcome -Depth 5 -Compress
    $isMet = $outcome.token -eq $Name -and $outcome.outcome -eq 'rolled back' -and $outcome.reason -eq 'not_confirmed'
    Test-That -What 'the record says so' -IsMet $isMet -Detail $text
    Test-That -What 'the task has removed itself' -IsMet (Wait-Until -Seconds 10 -Condition { -not (Test-Task) }) -Detail 'it is there'
}

function Test-NothingLeft {
    Test-Change -Name 'cleared' -Changed $false
    Test-That -What 'no folder is left' -IsMet (-not (Test-Path -LiteralPath (Get-RecordFolder))) -Detail (Get-RecordFolder)
}

function Read-Argument {
    param([string]$Name)
    return ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText((Join-Path $Requests "$Name.json")))
}

# Seconds of the window of the change NAME.
function Get-Window {
    param([string]$Name)
    $request = Expand-Text -Packed (Read-Argument -Name $Name).request
    return (ConvertFrom-Json -InputObject $request).confirm_timeout
}
