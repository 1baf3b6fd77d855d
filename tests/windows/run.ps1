<#
.SYNOPSIS
Runs the whole module windows_policy through Ansible.Basic on a pretended firewall: one line per case, exit code 1 if
one fails.

.DESCRIPTION
The shipped code is compiled and run unchanged, by pwsh 7 or Windows PowerShell 5.1, on Windows or elsewhere; only
Factories.cs, which creates the real dependencies, is replaced (fake/Factories.cs). No firewall is changed.

.PARAMETER ModuleUtils
The folder module_utils of ansible-core.

.EXAMPLE
pwsh -NoProfile -File tests/windows/run.ps1 -ModuleUtils .venv/lib/python3.11/site-packages/ansible/module_utils
#>
param(
    [Parameter(Mandatory = $true)]
    [string]$ModuleUtils
)

$ErrorActionPreference = 'Stop'
# Import-Module reads a relative path as the name of a module
$ModuleUtils = (Resolve-Path -LiteralPath $ModuleUtils).ProviderPath
$root = Split-Path -Parent (Split-Path -Parent $PSScriptRoot)
$utils = Join-Path (Join-Path (Join-Path $root 'plugins') 'module_utils') 'windows'
$moduleFile = Join-Path (Join-Path (Join-Path $root 'plugins') 'modules') 'windows_policy.ps1'
$namespace = 'ansible_collections.portmatrix.firewall.plugins.module_utils.windows'

# as Ansible compiles them: all at once, warnings are errors
$files = @((Join-Path (Join-Path $ModuleUtils 'csharp') 'Ansible.Basic.cs'))
$shipped = Get-ChildItem -LiteralPath $utils -Filter '*.cs' | Where-Object { $_.Name -ne 'Factories.cs' }
$files += @($shipped | ForEach-Object { $_.FullName })
$pretending = 'HostileStore.cs', 'PacketEvaluator.cs', 'PretendHost.cs', 'RandomHosts.cs'
$files += @($pretending | ForEach-Object { Join-Path $PSScriptRoot $_ })
$files += @(Join-Path (Join-Path $PSScriptRoot 'fake') 'Factories.cs')
$sources = [string[]]@($files | ForEach-Object { [System.IO.File]::ReadAllText($_) })
Import-Module -Name (Join-Path (Join-Path $ModuleUtils 'powershell') 'Ansible.ModuleUtils.AddType.psm1')
Add-CSharpType -References $sources -TempPath ([System.IO.Path]::GetTempPath())

$pretended = ([System.Management.Automation.PSTypeName]"$namespace.Factories.DependencyFactory").Type
$moduleText = [System.IO.File]::ReadAllText($moduleFile)

function Invoke-Module {
    param(
        [hashtable]$Arguments,
        [bool]$Check,
        [bool]$Diff
    )
    $complexArgs = $Arguments.Clone()
    $complexArgs['_ansible_check_mode'] = $Check
    $complexArgs['_ansible_diff'] = $Diff
    $complexArgs['_ansible_module_name'] = 'windows_policy'
    $complexArgs['_ansible_remote_tmp'] = [System.IO.Path]::GetTempPath()
    $shell = [PowerShell]::Create()
    $writer = New-Object -TypeName System.IO.StringWriter
    $console = [Console]::Out
    try {
        $shell.Runspace.SessionStateProxy.SetVariable('ErrorActionPreference', 'Stop')
        $shell.Runspace.SessionStateProxy.SetVariable('complex_args', $complexArgs)
        $null = $shell.AddScript($moduleText)
        [Console]::SetOut($writer)
        $output = @($shell.Invoke())
    }
    finally {
        [Console]::SetOut($console)
        $shell.Dispose()
    }
    if ($output.Count -gt 0) {
        throw "the module wrote to the pipeline: $output"
    }
    return (ConvertFrom-Json -InputObject $writer.ToString())
}

$policy = '{"format":1,"egress":"allow","exclusive":false,"management":{"sources":["198.51.100.1/32"],"ports":[]},' +
'"groups":{"g":["10.0.0.1/32","2001:db8::/64"]},' +
'"rules":[{"direction":"ingress","protocol":"tcp","ports":["443","8000-8010"],"group":"g",' +
'"flows":["product/api"]}],"citations":{"product/api":["Ports, row 1"]}}'
$sctp = $policy.Replace('"tcp","ports":["443","8000-8010"]', '"sctp","ports":["443"]')
$elsewhere = $policy.Replace('198.51.100.1/32', '192.0.2.0/24').Replace('"exclusive":false', '"exclusive":true')
$enforced = @{ state = 'enforced'; policy = $policy }
$pending = @{ state = 'enforced'; policy = $policy; confirm_timeout = 30; program = 'program' }

$script:failures = 0
$script:token = ''

function Test-Case {
    param(
        [string]$Name,
        [hashtable]$Arguments,
        [scriptblock]$Expect,
        [switch]$Fresh,
        [switch]$Check,
        [switch]$Diff,
        [scriptblock]$Before
    )
    if ($Fresh) {
        $pretended::Reset()
    }
    if ($Before) {
        $null = & $Before
    }
    $operations = $pretended::Store.Journal.Count
    $why = ''
    $result = $null
    try {
        $result = Invoke-Module -Arguments $Arguments -Check $Check.IsPresent -Diff $Diff.IsPresent
        $count = $pretended::Store.Journal.Count - $operations
        $met = [bool](& $Expect $result $count)
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

function Test-Message {
    param(
        [string]$Name,
        [hashtable]$Arguments,
        [string]$Message,
        [scriptblock]$Before
    )
    Test-Case -Fresh -Name "error: $Name" -Arguments $Arguments -Before $Before -Expect {
        param($result, $count)
        $result.failed -and $result.msg.Contains($Message) -and $count -eq 0
    }
}

Test-Case -Fresh -Check -Diff -Name 'check and diff' -Arguments $enforced -Expect {
    param($result, $count)
    $line = 'ingress tcp 443, 8000-8010 from 10.0.0.1/32, 2001:db8::/64 (product/api)'
    $result.changed -and $count -eq 0 -and $result.added -eq 2 -and $result.diff.after.Contains($line)
}
Test-Case -Name 'enforced' -Arguments $enforced -Expect {
    param($result, $count)
    $result.changed -and $count -eq 2 -and $result.added -eq 2 -and $result.backend -eq 'windows' -and
    $result.digest.Length -eq 64 -and $null -eq $result.diff
}
Test-Case -Name 'the policy is not echoed' -Arguments $enforced -Expect {
    param($result, $count)
    -not (ConvertTo-Json -InputObject $result -Depth 9).Contains('citations')
}
Test-Case -Name 'enforced again' -Arguments $enforced -Expect {
    param($result, $count)
    -not $result.changed -and $count -eq 0 -and $result.kept -eq 2
}
Test-Case -Name 'gathered' -Arguments @{ state = 'gathered' } -Expect {
    param($result, $count)
    $rules = @($result.gathered.rules)
    -not $result.changed -and $count -eq 0 -and $rules.Count -eq 2 -and $rules[1].peers[0] -eq '198.51.100.1/32' -and
    $result.gathered.enforced
}
Test-Case -Name 'a warning about rules not managed by portmatrix' -Arguments $enforced -Expect {
    param($result, $count)
    @($result.warnings)[0].Contains('portmatrix_exclusive')
}
Test-Case -Check -Diff -Name 'absent in check mode' -Arguments @{ state = 'absent' } -Expect {
    param($result, $count)
    $result.changed -and $count -eq 0 -and $result.removed -eq 2 -and -not $result.diff.after.Contains('product/api')
}
Test-Case -Name 'absent' -Arguments @{ state = 'absent' } -Expect {
    param($result, $count)
    $result.changed -and $count -gt 0 -and $pretended::Store.Rules.Count -eq 1
}
Test-Case -Name 'absent again' -Arguments @{ state = 'absent' } -Expect {
    param($result, $count)
    -not $result.changed -and $count -eq 0
}
Test-Case -Name 'gathered without rules' -Arguments @{ state = 'gathered' } -Expect {
    param($result, $count)
    @($result.gathered.rules).Count -eq 0
}
Test-Case -Fresh -Name 'a pending change' -Arguments $pending -Expect {
    param($result, $count)
    $script:token = $result.pending.token
    $result.changed -and $script:token.Length -eq 32
}
Test-Case -Name 'the change is confirmed' -Arguments @{ state = 'confirmed'; token = $script:token } -Expect {
    param($result, $count)
    $result.outcome -eq 'confirmed' -and $count -eq 0
}
Test-Case -Name 'a confirmed change stays' -Arguments @{ state = 'gathered' } -Before { $pretended::Host.Sleep(31) } `
    -Expect {
    param($result, $count)
    @($result.gathered.rules).Count -eq 2
}
Test-Case -Fresh -Name 'a change without confirmation' -Arguments $pending -Expect {
    param($result, $count)
    $result.changed -and $null -ne $result.pending
}
Test-Case -Name 'it is rolled back' -Arguments @{ state = 'gathered' } -Before { $pretended::Host.Sleep(31) } -Expect {
    param($result, $count)
    @($result.gathered.rules).Count -eq 0
}
Test-Case -Fresh -Name 'a state in capitals' -Arguments @{ state = 'ENFORCED'; policy = $policy } -Expect {
    param($result, $count)
    $result.changed -and $count -eq 2
}
Test-Message -Name 'no policy' -Arguments @{ state = 'enforced' } -Message 'must not be empty with state enforced'
Test-Message -Name 'a policy that is null' -Arguments @{ state = 'enforced'; policy = $null } `
    -Message 'must not be empty with state enforced'
Test-Message -Name 'a policy that is not a text' -Arguments @{ state = 'enforced'; policy = @{ a = 1 } } `
    -Message 'policy: not valid JSON'
Test-Message -Name 'a policy that is not valid JSON' -Arguments @{ state = 'enforced'; policy = '{' } `
    -Message 'expected a string at offset 1'
Test-Message -Name 'an unknown format' -Arguments @{ state = 'enforced'; policy = '{"format":2}' } `
    -Message 'policy: format must be 1, got 2'
Test-Message -Name 'ports of SCTP' -Arguments @{ state = 'enforced'; policy = $sctp } `
    -Message 'Windows Firewall supports ports only for TCP and UDP'
Test-Message -Name 'a lock-out' -Arguments @{ state = 'enforced'; policy = $elsewhere } `
    -Message 'portmatrix_management_sources'
Test-Message -Name 'no program' -Arguments @{ state = 'enforced'; policy = $policy; confirm_timeout = 30 } `
    -Message 'must not be empty with a confirm_timeout'
Test-Message -Name 'group policy' -Arguments $enforced -Message 'group policy overrides' `
    -Before { $pretended::Store.ModifyState = 1 }
Test-Message -Name 'no administrator rights' -Arguments $enforced -Message 'administrator rights are missing' `
    -Before { $pretended::Host.Administrator = $false }
Test-Message -Name 'an unknown state' -Arguments @{ state = 'purged' } -Message 'value of state must be one of'
Test-Message -Name 'an unknown option' -Arguments @{ state = 'gathered'; rules = @() } -Message 'Unsupported parameters'
Test-Case -Fresh -Name 'error: the firewall fails half-way' -Arguments $pending `
    -Before { $pretended::Store.FailAt = 1 } -Expect {
    param($result, $count)
    $result.failed -and $result.msg.Contains('the former rules were restored') -and
    $pretended::Store.Rules.Count -eq 1
}

if ($script:failures -gt 0) {
    Write-Output "$($script:failures) failed"
    exit 1
}
Write-Output 'all passed'
exit 0
