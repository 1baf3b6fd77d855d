<#
.SYNOPSIS
Answers the open questions about a real Windows Firewall. Every rule that it adds is disabled, in the group
portmatrix-checklist, and removed at the end.

.PARAMETER Phase
ask: questions about rules; arm: register a task with the triggers of a rollback; armed: whether it ran.
#>
param(
    [ValidateSet('ask', 'arm', 'armed')]
    [string]$Phase = 'ask'
)

$ErrorActionPreference = 'Stop'
$group = 'portmatrix-checklist'
$marker = Join-Path $env:SystemRoot 'portmatrix-checklist.txt'
$policy = New-Object -ComObject HNetCfg.FwPolicy2

function Add-ChecklistRule {
    param(
        [string]$Name,
        [int]$Protocol,
        [string]$Ports,
        [string]$Addresses
    )
    $rule = New-Object -ComObject HNetCfg.FWRule
    $rule.Name = $Name
    $rule.Grouping = $group
    $rule.Direction = 1
    $rule.Protocol = $Protocol
    if ($Ports) {
        $rule.LocalPorts = $Ports
    }
    $rule.RemoteAddresses = $Addresses
    $rule.Action = 1
    $rule.Enabled = $false
    $policy.Rules.Add($rule)
}

function Get-ChecklistRule {
    return @($policy.Rules | Where-Object { $_.Grouping -eq $group })
}

function Remove-ChecklistRule {
    foreach ($rule in Get-ChecklistRule) {
        $name = "portmatrix-checklist-$([guid]::NewGuid().ToString('N'))"
        $rule.Name = $name
        $policy.Rules.Remove($name)
    }
}

function Show-ReadBack {
    $notations = @('198.51.100.10', '10.16.0.0/20', '10.0.1.0/24,10.0.0.0/24', '10.0.0.1-10.0.0.4', '2001:db8::10/128',
        '2001:db8::/64', '10.0.0.0/8,10.1.2.3', '0.0.0.0/1')
    foreach ($addresses in $notations) {
        try {
            Add-ChecklistRule -Name 'read back' -Protocol 6 -Ports '443' -Addresses $addresses
            Write-Output "addresses '$addresses' are read back as '$((Get-ChecklistRule)[0].RemoteAddresses)'"
        }
        catch {
            Write-Output "addresses '$addresses' are refused: $($_.Exception.GetBaseException().Message)"
        }
        Remove-ChecklistRule
    }
    foreach ($ports in '443,80,5000-5010', '22,23,24-30') {
        Add-ChecklistRule -Name 'read back' -Protocol 6 -Ports $ports -Addresses '*'
        Write-Output "ports '$ports' are read back as '$((Get-ChecklistRule)[0].LocalPorts)'"
        Remove-ChecklistRule
    }
    foreach ($protocol in 1, 47, 50, 51, 58, 112, 132) {
        try {
            Add-ChecklistRule -Name 'read back' -Protocol $protocol -Addresses '*'
            $rule = (Get-ChecklistRule)[0]
            Write-Output ("protocol $protocol is read back as $($rule.Protocol), ports '$($rule.LocalPorts)', " +
                "types '$($rule.IcmpTypesAndCodes)', profiles $($rule.Profiles)")
        }
        catch {
            Write-Output "protocol $protocol is refused: $($_.Exception.GetBaseException().Message)"
        }
        Remove-ChecklistRule
    }
}

if ($Phase -eq 'ask') {
    Write-Output ("system: $([Environment]::OSVersion.Version), PowerShell $($PSVersionTable.PSVersion), " +
        "active profiles: $($policy.CurrentProfileTypes), group policy: $($policy.LocalPolicyModifyState)")
    try {
        $watch = [System.Diagnostics.Stopwatch]::StartNew()
        $all = @($policy.Rules)
        Write-Output "rules listed over COM: $($all.Count) in $($watch.ElapsedMilliseconds) ms"
        $managed = @(Get-NetFirewallRule -PolicyStore RSOP -ErrorAction SilentlyContinue)
        $listed = @($managed | Where-Object { $all.Name -contains $_.DisplayName })
        Write-Output "rules of group policy: $($managed.Count), $($listed.Count) of them listed over COM by name"
        Add-ChecklistRule -Name 'the same name' -Protocol 6 -Ports '443' -Addresses '*'
        Add-ChecklistRule -Name 'the same name' -Protocol 6 -Ports '444' -Addresses '*'
        $policy.Rules.Remove('the same name')
        Write-Output "Remove with two rules of one name leaves $(@(Get-ChecklistRule).Count)"
        Remove-ChecklistRule
        Show-ReadBack
        $watch = [System.Diagnostics.Stopwatch]::StartNew()
        foreach ($number in 1..100) {
            Add-ChecklistRule -Name "rule $number" -Protocol 6 -Ports "$number" -Addresses '198.51.100.0/24'
        }
        Write-Output "100 rules added in $($watch.ElapsedMilliseconds) ms"
    }
    finally {
        Remove-ChecklistRule
    }
    Write-Output "rules of the checklist left: $(@(Get-ChecklistRule).Count)"
}
elseif ($Phase -eq 'arm') {
    Remove-Item -LiteralPath $marker -ErrorAction SilentlyContinue
    $due = [DateTime]::UtcNow.AddSeconds(20).ToString("yyyy-MM-ddTHH:mm:ss'Z'")
    $command = "Add-Content -LiteralPath '$marker' -Value ([DateTime]::UtcNow.ToString('o'))"
    $xml = '<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">' +
    "<Triggers><TimeTrigger><StartBoundary>$due</StartBoundary></TimeTrigger><BootTrigger/></Triggers>" +
    '<Principals><Principal id="system"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel>' +
    '</Principal></Principals><Settings><StartWhenAvailable>true</StartWhenAvailable>' +
    '<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries></Settings><Actions Context="system"><Exec>' +
    '<Command>%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe</Command>' +
    "<Arguments>-NoProfile -Command `"$command`"</Arguments></Exec></Actions></Task>"
    $service = New-Object -ComObject Schedule.Service
    $service.Connect()
    $null = $service.GetFolder('\').RegisterTask($group, $xml, 6, 'SYSTEM', $null, 5, $null)
    Write-Output "a task is due at $due and at the next start"
}
else {
    $started = (Get-CimInstance -ClassName Win32_OperatingSystem).LastBootUpTime.ToUniversalTime().ToString('o')
    $runs = @(Get-Content -LiteralPath $marker -ErrorAction SilentlyContinue) -join ', '
    Write-Output "the host started at $started; the task ran at: $runs"
    $service = New-Object -ComObject Schedule.Service
    $service.Connect()
    $service.GetFolder('\').DeleteTask($group, 0)
    Remove-Item -LiteralPath $marker -ErrorAction SilentlyContinue
}
