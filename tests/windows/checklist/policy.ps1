# Part of checklist.ps1: group policy and device management.

$policyKeys = 'HKLM:\SOFTWARE\Policies\Microsoft\WindowsFirewall',
'HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm'
$profileNames = @{ 1 = 'Domain'; 2 = 'Private'; 4 = 'Public' }

function Show-PolicyKey {
    foreach ($path in $policyKeys) {
        Write-Answer -Question "can $path be read" -Answer { Get-KeyContent -Path $path }
    }
    Write-Answer -Question 'what do the profiles return' -Answer {
        $policy = Get-Policy
        foreach ($number in 1, 2, 4) {
            "$($profileNames[$number]): $(Get-ProfileText -Policy $policy -Number $number);"
        }
        "active $($policy.CurrentProfileTypes), LocalPolicyModifyState $($policy.LocalPolicyModifyState)"
    }
}

function Get-KeyContent {
    param([string]$Path)
    if (-not (Test-Path -LiteralPath $Path)) {
        return 'there is no such key'
    }
    $keys = @(Get-Item -LiteralPath $Path) + @(Get-ChildItem -LiteralPath $Path)
    $texts = @($keys | ForEach-Object {
            $key = $_
            $values = @($key.GetValueNames() | ForEach-Object { "$_=$($key.GetValue($_)) ($($key.GetValueKind($_)))" })
            "$($key.PSChildName) [$($values -join ', ')]"
        })
    return "yes: $($texts -join ' ')"
}

function Get-ProfileText {
    param(
        [object]$Policy,
        [int]$Number
    )
    $texts = "FirewallEnabled $($Policy.FirewallEnabled($Number))", "DefaultInboundAction $($Policy.DefaultInboundAction($Number))",
    "DefaultOutboundAction $($Policy.DefaultOutboundAction($Number))", "BlockAllInboundTraffic $($Policy.BlockAllInboundTraffic($Number))"
    return $texts -join ', '
}

# The files of the local group policy, so that nothing of it stays.
function Save-GroupPolicy {
    $folder = Join-Path $env:SystemRoot 'System32\GroupPolicy'
    $files = @('gpt.ini', 'Machine\Registry.pol' | ForEach-Object { Join-Path $folder $_ })
    return @($files | ForEach-Object {
            $content = $null
            if (Test-Path -LiteralPath $_) {
                $content = [System.IO.File]::ReadAllBytes($_)
            }
            [pscustomobject]@{ Path = $_; Content = $content }
        })
}

function Restore-GroupPolicy {
    param([object[]]$Saved)
    $null = & gpupdate.exe /target:computer /force /wait:120
    foreach ($file in $Saved) {
        if ($null -ne $file.Content) {
            [System.IO.File]::WriteAllBytes($file.Path, $file.Content)
        }
        else {
            Remove-Item -LiteralPath $file.Path -ErrorAction SilentlyContinue
        }
    }
    $null = & gpupdate.exe /target:computer /force /wait:120
}

# A profile that is not active, and a rule that blocks an address of the documentation: nothing is cut.
function Show-GroupPolicy {
    $number = @(1, 4, 2 | Where-Object { -not ((Get-Policy).CurrentProfileTypes -band $_) })[0]
    $name = $profileNames[$number]
    $saved = @(Save-GroupPolicy)
    try {
        Write-Answer -Question 'what does the profile return before' -Answer { Get-ProfileText -Policy (Get-Policy) -Number $number }
        Write-Answer -Question "group policy switches the $name profile off, and adds a rule" -Answer {
            Set-NetFirewallProfile -PolicyStore localhost -Name $name -Enabled False -DefaultInboundAction Allow
            $null = New-NetFirewallRule -PolicyStore localhost -DisplayName $group -Direction Inbound -Action Block -Protocol TCP `
                -LocalPort 9 -RemoteAddress 192.0.2.1
            $null = & gpupdate.exe /target:computer /force /wait:120
            "gpupdate ended with $LASTEXITCODE"
        }
        Show-UnderGroupPolicy -Number $number
    }
    finally {
        Write-Answer -Question 'are profile and rule taken out of group policy' -Answer {
            Remove-NetFirewallRule -PolicyStore localhost -DisplayName $group -ErrorAction SilentlyContinue
            Set-NetFirewallProfile -PolicyStore localhost -Name $name -Enabled NotConfigured -DefaultInboundAction NotConfigured
            'yes'
        }
        Write-Answer -Question 'what does the profile return after' -Answer {
            Restore-GroupPolicy -Saved $saved
            Get-ProfileText -Policy (Get-Policy) -Number $number
        }
        Write-Answer -Question 'rules of the checklist left in group policy' -Answer { @(Get-PolicyRule).Count }
    }
}

function Show-UnderGroupPolicy {
    param([int]$Number)
    Write-Answer -Question 'what does the profile return under group policy' -Answer { Get-ProfileText -Policy (Get-Policy) -Number $Number }
    Write-Answer -Question 'what is LocalPolicyModifyState under group policy' -Answer { (Get-Policy).LocalPolicyModifyState }
    Write-Answer -Question 'what is in the key of group policy' -Answer { Get-KeyContent -Path $policyKeys[0] }
    Write-Answer -Question 'can a setting of group policy be set over COM' -Answer {
        try {
            $policy = Get-Policy
            $policy.FirewallEnabled($Number) = $true
            "no error; it returns $((Get-Policy).FirewallEnabled($Number))"
        }
        catch {
            "no, $(Get-Reason -Failure $_)"
        }
    }
    Write-Answer -Question 'is a rule of group policy listed over COM' -Answer { "$(@(Get-PolicyRule).Count) of 1" }
    Write-Answer -Question 'what happens when a rule of group policy is disabled over COM' -Answer {
        $rules = @(Get-PolicyRule)
        if ($rules.Count -eq 0) {
            return 'cannot be told: it is not listed'
        }
        try {
            $rules[0].Enabled = $false
            "no error; it returns $(@(Get-PolicyRule)[0].Enabled)"
        }
        catch {
            "refused, $(Get-Reason -Failure $_)"
        }
    }
}

function Get-PolicyRule {
    return @((Get-Policy).Rules | Where-Object { $_.Name -eq $group })
}
