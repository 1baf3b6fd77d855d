# Part of checklist.ps1: a task with the triggers of a rollback, which SYSTEM runs.

# The names of all rules as one checksum, for two users to compare.
$getNames = @'
$names = @((New-Object -ComObject HNetCfg.FwPolicy2).Rules | ForEach-Object { $_.Name } | Sort-Object) -join '/'
$bytes = [System.Text.Encoding]::UTF8.GetBytes($names)
[BitConverter]::ToString([System.Security.Cryptography.SHA256]::Create().ComputeHash($bytes))
'@
# Each run adds a line, and ends with an error, as a rollback that has to be tried again.
$taskScript = @'
$watch = [System.Diagnostics.Stopwatch]::StartNew()
$fields = @([DateTime]::UtcNow.ToString('HH:mm:ss'))
try {
    Add-Type -TypeDefinition "public static class PortmatrixChecklist { public static int One() { return 1; } }"
    $fields += "compiled in $($watch.ElapsedMilliseconds) ms"
}
catch {
    $fields += "did not compile: $($_.Exception.Message)"
}
$fields += "language $([System.Globalization.CultureInfo]::CurrentUICulture)"
$fields += & { NAMES }
Add-Content -LiteralPath 'RUNS' -Value ($fields -join '|')
exit 1
'@

# In a folder where only administrators can write.
function Get-TaskFile {
    param([string]$Extension)
    return Join-Path $env:SystemRoot "portmatrix-checklist.$Extension"
}

function Register-ChecklistTask {
    Write-Answer -Question 'is a task registered' -Answer {
        $runs = Get-TaskFile -Extension 'txt'
        Remove-Item -LiteralPath $runs -ErrorAction SilentlyContinue
        $text = $taskScript.Replace('RUNS', $runs).Replace('NAMES', $getNames)
        [System.IO.File]::WriteAllText((Get-TaskFile -Extension 'ps1'), $text)
        $due = [DateTime]::UtcNow.AddSeconds(20).ToString("yyyy-MM-ddTHH:mm:ss'Z'")
        $service = New-Object -ComObject Schedule.Service
        $service.Connect()
        $null = $service.GetFolder('\').RegisterTask($group, (Get-TaskDefinition -Due $due), 6, 'SYSTEM', $null, 5, $null)
        "yes, due at $due, then every minute, and at the next start"
    }
}

# As in rollback/ScheduledTask.cs.
function Get-TaskDefinition {
    param([string]$Due)
    $repetition = '<Repetition><Interval>PT1M</Interval></Repetition>'
    $command = "& ([scriptblock]::Create([IO.File]::ReadAllText('$(Get-TaskFile -Extension 'ps1')')))"
    return '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">' +
    "<Triggers><TimeTrigger>$repetition<StartBoundary>$Due</StartBoundary></TimeTrigger>" +
    "<BootTrigger>$repetition</BootTrigger></Triggers>" +
    '<Principals><Principal id="system"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel>' +
    '</Principal></Principals><Settings><StartWhenAvailable>true</StartWhenAvailable>' +
    '<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries></Settings><Actions Context="system"><Exec>' +
    '<Command>%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe</Command>' +
    "<Arguments>-NoProfile -NonInteractive -Command `"$([System.Security.SecurityElement]::Escape($command))`"</Arguments>" +
    '</Exec></Actions></Task>'
}

function Show-TaskRun {
    $files = @('ps1', 'txt' | ForEach-Object { Get-TaskFile -Extension $_ })
    $runs = @(Get-Content -LiteralPath $files[1] -ErrorAction SilentlyContinue | ForEach-Object { , $_.Split('|') })
    Write-Answer -Question 'when did the host start' -Answer {
        (Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().ToString('HH:mm:ss')
    }
    Write-Answer -Question 'does a trigger with Repetition start a task again that ended with 1' -Answer {
        if (-not $runs) {
            throw 'the task did not run'
        }
        $verdict = if ($runs.Count -gt 1) { 'yes' } else { 'no' }
        "$verdict, it ran at $(@($runs | ForEach-Object { $_[0] }) -join ', ')"
    }
    Write-Answer -Question 'does SYSTEM compile C#' -Answer { if ($runs) { $runs[0][1] } else { throw 'the task did not run' } }
    Write-Answer -Question 'does SYSTEM read the names of rules as this user does' -Answer {
        if (-not $runs) {
            throw 'the task did not run'
        }
        $isEqual = $runs[-1][3] -eq (& ([scriptblock]::Create($getNames)))
        "$(if ($isEqual) { 'yes' } else { 'no' }); SYSTEM: $($runs[-1][2]), this user: language $([CultureInfo]::CurrentUICulture)"
    }
    Write-Answer -Question 'is the task removed' -Answer {
        $service = New-Object -ComObject Schedule.Service
        $service.Connect()
        $folder = $service.GetFolder('\')
        # a run that goes on would add a line
        $folder.GetTask($group).Stop(0)
        $folder.DeleteTask($group, 0)
        Remove-Item -LiteralPath $files -ErrorAction SilentlyContinue
        'yes'
    }
}
