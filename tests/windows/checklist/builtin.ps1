# Part of checklist.ps1: the rules that are there, and management.

$ruleKey = 'HKLM:\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\FirewallRules'

function Show-Listing {
    Write-Answer -Question 'how long does a full listing over COM take' -Answer {
        $watch = [System.Diagnostics.Stopwatch]::StartNew()
        $rules = @((Get-Policy).Rules)
        $listed = $watch.ElapsedMilliseconds
        $texts = @($rules | ForEach-Object { "$($_.Name) $($_.Grouping) $($_.Enabled)" })
        $named = $watch.ElapsedMilliseconds
        $texts += @($rules | ForEach-Object { "$($_.LocalPorts) $($_.RemoteAddresses) $($_.ApplicationName) $($_.ServiceName)" })
        "$($rules.Count) rules in $listed ms, with their names in $named ms, with more in $($watch.ElapsedMilliseconds) ms"
    }
    Write-Answer -Question 'are all local rules listed over COM' -Answer {
        "$(@((Get-Policy).Rules).Count) listed, $((Get-Item -LiteralPath $ruleKey).ValueCount) stored in the registry"
    }
    Write-Answer -Question 'are rules of group policy listed over COM' -Answer {
        $names = @((Get-Policy).Rules | ForEach-Object { $_.Name })
        $managed = @(Get-NetFirewallRule -PolicyStore RSOP -ErrorAction SilentlyContinue)
        $listed = @($managed | Where-Object { $names -contains $_.DisplayName })
        "$($listed.Count) of $($managed.Count), by their names"
    }
}

# NAME=VALUE of a rule as it is stored.
function Get-StoredField {
    param(
        [string]$Text,
        [string]$Name
    )
    return @($Text.Split('|') | Where-Object { $_.StartsWith("$Name=") } | ForEach-Object { $_.Substring($Name.Length + 1) })[0]
}

function Show-BuiltInRule {
    Write-Answer -Question 'what does COM return for names that are resource strings' -Answer {
        $key = Get-Item -LiteralPath $ruleKey
        $stored = @($key.GetValueNames() | ForEach-Object { Get-StoredField -Text $key.GetValue($_) -Name 'Name' })
        $resources = @($stored | Where-Object { $_ -like '@*' })
        $names = @((Get-Policy).Rules | ForEach-Object { $_.Name })
        $raw = @($names | Where-Object { $_ -like '@*' })
        $example = @((Get-Policy).Rules | Where-Object { $_.Grouping -eq '@FirewallAPI.dll,-25000' })[0]
        "$($resources.Count) of $($stored.Count) are stored as resource strings, $($raw.Count) read as such;",
        "in the group @FirewallAPI.dll,-25000: name '$($example.Name)', description '$($example.Description)'"
    }
    Write-Answer -Question 'what does COM return for groups that are resource strings' -Answer {
        $groups = @((Get-Policy).Rules | ForEach-Object { $_.Grouping } | Where-Object { $_ } | Sort-Object -Unique)
        $raw = @($groups | Where-Object { $_ -like '@*' })
        "$($raw.Count) of $($groups.Count) groups read as such, for example '$($raw[0])'"
    }
    foreach ($port in 22, 3389, 5985, 5986) {
        Write-Answer -Question "which program and service do the rules for port $port name" -Answer {
            $rules = Get-ManagementRule -Port $port
            $texts = @($rules | ForEach-Object {
                    "'$($_.Name)': program '$($_.ApplicationName)', service '$($_.ServiceName)', from $($_.RemoteAddresses), " +
                    "profiles $($_.Profiles), enabled $($_.Enabled)"
                })
            if ($texts) { $texts -join '; ' } else { 'there is none' }
        }
    }
    Write-Answer -Question 'does a rule for the program System admit WinRM' -Answer { Get-WinRmAdmission }
}

function Get-ManagementRule {
    param([int]$Port)
    return @((Get-Policy).Rules | Where-Object {
            $_.Direction -eq 1 -and $_.Protocol -eq 6 -and "$($_.LocalPorts)".Split(',') -contains "$Port"
        })
}

# A connection from elsewhere that stands, though every rule for its port names a program, is the proof.
function Get-WinRmAdmission {
    $standing = @(Get-NetTCPConnection -State Established -ErrorAction SilentlyContinue | Where-Object {
            (5985, 5986) -contains $_.LocalPort -and $_.RemoteAddress -ne $_.LocalAddress -and $_.RemoteAddress -notmatch '^(127\.|::1$)'
        })
    if ($standing.Count -eq 0) {
        return 'cannot be told here: nobody is connected to WinRM'
    }
    $policy = Get-Policy
    foreach ($number in 1, 2, 4) {
        $isActive = $policy.CurrentProfileTypes -band $number
        if ($isActive -and -not ($policy.FirewallEnabled($number) -and $policy.DefaultInboundAction($number) -eq 0)) {
            return "cannot be told here: the firewall does not deny in profile $number"
        }
    }
    $rules = @(Get-ManagementRule -Port $standing[0].LocalPort | Where-Object { $_.Enabled -and $_.Action -eq 1 })
    $programs = @($rules | ForEach-Object { "'$($_.ApplicationName)'" } | Sort-Object -Unique) -join ', '
    return "$($standing[0].RemoteAddress) is connected; the rules that admit it name the programs $programs"
}
