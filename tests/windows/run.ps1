<#
.SYNOPSIS
Runs the whole module windows_policy on a pretended firewall: one line per case, exit code 1 if one fails.

.DESCRIPTION
The shipped code is compiled and run unchanged, by pwsh 7 or Windows PowerShell 5.1, on Windows or elsewhere; only
Parts.cs, which puts the real parts together, is replaced (fake/Parts.cs). No firewall is changed.

.EXAMPLE
pwsh -NoProfile -File tests/windows/run.ps1
#>
param()

$ErrorActionPreference = 'Stop'
$root = Split-Path -Parent (Split-Path -Parent $PSScriptRoot)
$utils = Join-Path (Join-Path (Join-Path $root 'plugins') 'module_utils') 'windows'
$moduleText = [System.IO.File]::ReadAllText((Join-Path (Join-Path (Join-Path $root 'plugins') 'modules') 'windows_policy.ps1'))

# Linux has one for all
$moduleText = $moduleText.Replace("[Environment]::GetFolderPath('CommonApplicationData')", '$env:ProgramData')

# one text, as the controller sends it; usings of the tests come first
$shipped = Get-ChildItem -LiteralPath $utils -Filter '*.cs' -Recurse | Where-Object { $_.Name -ne 'Parts.cs' }
$files = @($shipped | ForEach-Object { $_.FullName })
$pretending = 'Documents.cs', 'HostileStore.cs', 'PacketEvaluator.cs', 'PretendHost.cs', 'RandomHosts.cs', 'fake/Parts.cs'
$files += @($pretending | ForEach-Object { Join-Path $PSScriptRoot $_ })
$text = [string]::Join("`n", @($files | ForEach-Object { [System.IO.File]::ReadAllText($_) }))
$usings = @([regex]::Matches($text, '(?m)^using [\w.]+;') | ForEach-Object { $_.Value } | Sort-Object -Unique)
$source = [string]::Join("`n", $usings) + "`n" + [regex]::Replace($text, '(?m)^using [\w.]+;', '')
$types = Add-Type -TypeDefinition $source -PassThru
$pretended = @($types | Where-Object { $_.FullName -eq 'Portmatrix.Firewall.Parts' })[0]

# where nothing is on record: the pretended host keeps its records itself
$records = Join-Path ([System.IO.Path]::GetTempPath()) ([System.Guid]::NewGuid().ToString('N'))
$env:ProgramData = $records
$null = New-Item -ItemType Directory -Path (Join-Path $records 'portmatrix') -Force

function Compress-Text {
    param([string]$Text)
    $bytes = [System.Text.Encoding]::UTF8.GetBytes($Text)
    $stream = New-Object -TypeName System.IO.MemoryStream
    $mode = [System.IO.Compression.CompressionMode]::Compress
    $gzip = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $stream, $mode
    $gzip.Write($bytes, 0, $bytes.Length)
    $gzip.Dispose()
    return [Convert]::ToBase64String($stream.ToArray())
}

function Get-Checksum {
    param([string]$Text)
    $hash = [System.Security.Cryptography.SHA256]::Create().ComputeHash([System.Text.Encoding]::UTF8.GetBytes($Text))
    return [BitConverter]::ToString($hash).Replace('-', '').ToLowerInvariant()
}

$packedSource = Compress-Text -Text $source

function Invoke-Module {
    param(
        [string]$Request,
        [string]$State,
        [string]$Checksum
    )
    $shell = [PowerShell]::Create()
    try {
        $shell.Runspace.SessionStateProxy.SetVariable('complex_args', @{
                state = $State
                request = Compress-Text -Text $Request
                sha256 = $Checksum
                source = $packedSource
            })
        $null = $shell.AddScript($moduleText)
        $output = @($shell.Invoke())
    }
    finally {
        $shell.Dispose()
    }
    if ($output.Count -ne 1) {
        throw "the module wrote $($output.Count) objects: $output"
    }
    return (ConvertFrom-Json -InputObject $output[0])
}

$policy = '{"digest":"d","egress":"allow","exclusive":false,"log_denied":false,' +
'"addresses":[["10.0.0.1/32","2001:db8::/64"],["198.51.100.1/32"]],' +
'"rules":[["portmatrix/product/api in tcp 1","Flows: product/api. Source: row 1","in",6,"443,8000-8010",0]],' +
'"management":{"declared":true,"ports":[],"rules":[["portmatrix/management in tcp","Flows: management. Source: m",1]]}}'
$elsewhere = $policy.Replace('198.51.100.1/32', '192.0.2.0/24').Replace('"exclusive":false', '"exclusive":true')
$script:failures = 0

function Get-Request {
    param(
        [string]$State,
        [string]$Policy = 'null',
        [string]$Check = 'false',
        [int]$Seconds = 0
    )
    return '{"format":2,"state":"' + $State + '","check":' + $Check + ',"confirm_timeout":' + $Seconds +
    ',"confirm_connections":false,"token":"t","port":5985,"transport":"winrm","policy":' + $Policy + '}'
}

function Test-Case {
    param(
        [string]$Name,
        [string]$Request,
        [scriptblock]$Expect,
        [switch]$Fresh,
        [scriptblock]$Before,
        [string]$Checksum
    )
    if ($Fresh) {
        $pretended::Reset()
    }
    if ($Before) {
        $null = & $Before
    }
    foreach ($connection in $pretended::Host.Connections) {
        $connection.PeerPort += 1
    }
    $operations = $pretended::Store.Journal.Count
    $why = ''
    $result = $null
    try {
        $state = if ($Request -match '"state":"(\w+)"') { $Matches[1] } else { 'enforced' }
        # the pretended host, not a file, knows what is pending
        $pendingFile = Join-Path (Join-Path $records 'portmatrix') 'pending.json'
        Set-Content -LiteralPath $pendingFile -Value 'pending'
        $sum = if ($Checksum) { $Checksum } else { Get-Checksum -Text $Request }
        $result = Invoke-Module -Request $Request -State $state -Checksum $sum
        $count = $pretended::Store.Journal.Count - $operations
        $met = [bool](& $Expect $result.answer $count)
    }
    catch {
        $met = $false
        $why = " $($_.Exception.GetBaseException().Message)"
    }
    if ($met) {
        Write-Output "ok      $Name"
    }
    else {
        $script:failures += 1
        Write-Output "FAILED  $Name$why $(ConvertTo-Json -InputObject $result -Depth 9 -Compress)"
    }
}

function Test-Refusal {
    param(
        [string]$Name,
        [string]$Request,
        [string]$Code,
        [string]$Checksum,
        [scriptblock]$Before
    )
    Test-Case -Fresh -Name "refused: $Name" -Request $Request -Before $Before -Checksum $Checksum -Expect {
        param($answer, $count)
        $answer.refused -eq $Code -and $count -eq 0
    }
}

$enforced = Get-Request -State 'enforced' -Policy $policy
$pending = Get-Request -State 'enforced' -Policy $policy -Seconds 30
$absent = Get-Request -State 'absent'
$gathered = Get-Request -State 'gathered'
$confirmed = Get-Request -State 'confirmed'

Test-Case -Fresh -Name 'check' -Request (Get-Request -State 'enforced' -Policy $policy -Check 'true') -Expect {
    param($answer, $count)
    $answer.facts.changed -and $count -eq 0 -and @($answer.facts.came).Count -eq 2
}
Test-Case -Name 'enforced' -Request $enforced -Expect {
    param($answer, $count)
    $answer.facts.changed -and $count -eq 2 -and $answer.facts.digest -eq 'd'
}
Test-Case -Name 'enforced again' -Request $enforced -Expect {
    param($answer, $count)
    -not $answer.facts.changed -and $count -eq 0
}
Test-Case -Name 'gathered' -Request $gathered -Expect {
    param($answer, $count)
    @($answer.facts.rules).Count -eq 2 -and $answer.facts.enforced -and $count -eq 0
}
Test-Case -Name 'absent' -Request $absent -Expect {
    param($answer, $count)
    $answer.facts.changed -and $count -gt 0 -and $pretended::Store.Rules.Count -eq 1
}
Test-Case -Name 'absent again' -Request $absent -Expect {
    param($answer, $count)
    -not $answer.facts.changed -and $count -eq 0
}
Test-Case -Fresh -Name 'a pending change' -Request $pending -Expect {
    param($answer, $count)
    $answer.facts.changed -and $answer.facts.pending
}
Test-Case -Name 'the change is confirmed' -Request $confirmed -Expect {
    param($answer, $count)
    $answer.facts.outcome -eq 'confirmed' -and $count -eq 0
}
Test-Case -Name 'a confirmed change stays' -Request $gathered -Before { $pretended::Host.Sleep(31000) } -Expect {
    param($answer, $count)
    @($answer.facts.rules).Count -eq 2
}
Test-Case -Fresh -Name 'a change without confirmation' -Request $pending -Expect {
    param($answer, $count)
    $answer.facts.pending
}
Test-Case -Name 'it is rolled back' -Request $gathered -Before { $pretended::Host.Sleep(31000) } -Expect {
    param($answer, $count)
    @($answer.facts.rules).Count -eq 0 -and -not $answer.facts.enforced
}
Test-Refusal -Name 'not JSON' -Request '{' -Code 'damaged'
Test-Refusal -Name 'another checksum' -Request $enforced -Code 'damaged' -Checksum 'abc'
Test-Refusal -Name 'another format' -Request $enforced.Replace('"format":2', '"format":1') -Code 'damaged'
Test-Refusal -Name 'no policy' -Request (Get-Request -State 'enforced') -Code 'damaged'
Test-Refusal -Name 'an unknown key' -Request $enforced.Replace('"egress"', '"ingress"') -Code 'damaged'
Test-Refusal -Name 'an unknown value' -Request $enforced.Replace('"allow"', '"DENY"') -Code 'damaged'
Test-Refusal -Name 'no addresses' -Request $enforced.Replace('["198.51.100.1/32"]', '[]') -Code 'damaged'
Test-Refusal -Name 'a port too high' -Request $enforced.Replace('8000-8010', '99999') -Code 'damaged'
Test-Refusal -Name 'a lock-out' -Request (Get-Request -State 'enforced' -Policy $elsewhere) -Code 'lockout'
Test-Refusal -Name 'group policy' -Request $enforced -Code 'policy_overrides' `
    -Before { $pretended::Store.ModifyState = 1 }
Test-Refusal -Name 'no administrator rights' -Request $enforced -Code 'not_administrator' `
    -Before { $pretended::Host.Administrator = $false }
Test-Case -Fresh -Name 'the firewall fails half-way' -Request $pending -Before { $pretended::Store.FailAt = 1 } -Expect {
    param($answer, $count)
    $answer.refused -eq 'apply_failed' -and $answer.details.answer.outcome -eq 'rolled back' -and
    $pretended::Store.Rules.Count -eq 1
}
Remove-Item -LiteralPath $records -Recurse -Force

if ($script:failures -gt 0) {
    Write-Output "$($script:failures) failed"
    exit 1
}
Write-Output 'all passed'
exit 0
