# Part of checklist.ps1: what Windows makes of rules that are added.

function Show-AddedRule {
    try {
        Show-Limit
        Show-ReadBack
        Show-Name
        Write-Answer -Question 'time to add 100 rules' -Answer {
            $watch = [System.Diagnostics.Stopwatch]::StartNew()
            $rules = (Get-Policy).Rules
            foreach ($number in 1..100) {
                $rules.Add((New-ChecklistRule -Name "rule $number" -Ports "$number" -Addresses '198.51.100.0/24'))
            }
            "$($watch.ElapsedMilliseconds) ms"
        }
    }
    finally {
        Write-Answer -Question 'rules of the checklist left' -Answer {
            Remove-ChecklistRule
            @(Get-ChecklistRule).Count
        }
    }
}

function Show-Limit {
    foreach ($addresses in 'ff02::12/128', '224.0.0.18/32') {
        Write-Answer -Question "is $addresses accepted as a remote address (VRRP)" -Answer {
            Get-ReadBack -Parts @{ Protocol = 112; Addresses = $addresses } -Show { "yes, read back as $($args[0].RemoteAddresses)" }
        }
    }
    foreach ($length in 10000, 10001) {
        Write-Answer -Question "is a description of $length characters accepted" -Answer {
            Get-ReadBack -Parts @{ Description = 'x' * $length } -Show { "yes, read back with $($args[0].Description.Length)" }
        }
    }
    foreach ($count in 1000, 1001, 5000) {
        Write-Answer -Question "are $count addresses accepted" -Answer {
            $list = @(0..($count - 1) | ForEach-Object { "10.$([Math]::Floor($_ / 128)).$($_ % 128 * 2).1" }) -join ','
            Get-ReadBack -Parts @{ Addresses = $list } -Show { "yes, read back with $($args[0].RemoteAddresses.Split(',').Count)" }
        }
    }
    foreach ($name in 'portmatrix-checklist|', ('x' * 10000)) {
        $what = if ($name.Length -gt 100) { "of $($name.Length) characters" } else { "'$name'" }
        Write-Answer -Question "is a name $what accepted" -Answer {
            Get-ReadBack -Parts @{ Name = $name } -Show { "yes, read back with $($args[0].Name.Length) characters" }
        }
    }
}

function Show-ReadBack {
    $notations = '198.51.100.10', '10.16.0.0/20', '10.0.1.0/24,10.0.0.0/24', '10.0.0.1-10.0.0.4', '2001:db8::10/128',
    '2001:db8::/64', '10.0.0.0/8,10.1.2.3', '0.0.0.0/1'
    foreach ($addresses in $notations) {
        Write-Answer -Question "how are the addresses $addresses read back" -Answer {
            Get-ReadBack -Parts @{ Ports = '443'; Addresses = $addresses } -Show { $args[0].RemoteAddresses }
        }
    }
    foreach ($ports in '443,80,5000-5010', '22,23,24-30') {
        Write-Answer -Question "how are the ports $ports read back" -Answer {
            Get-ReadBack -Parts @{ Ports = $ports } -Show { $args[0].LocalPorts }
        }
    }
    foreach ($protocol in 1, 47, 50, 51, 58, 112, 132) {
        Write-Answer -Question "how is a rule for protocol $protocol read back" -Answer {
            Get-ReadBack -Parts @{ Protocol = $protocol } -Show {
                param($rule)
                "protocol $($rule.Protocol), ports '$($rule.LocalPorts)', types '$($rule.IcmpTypesAndCodes)', profiles $($rule.Profiles)"
            }
        }
    }
}

function Show-Name {
    Write-Answer -Question 'how many rules does Remove leave of two with one name' -Answer {
        $rules = (Get-Policy).Rules
        $rules.Add((New-ChecklistRule -Name 'the same name' -Ports '443'))
        $rules.Add((New-ChecklistRule -Name 'the same name' -Ports '444'))
        $rules.Remove('the same name')
        @(Get-ChecklistRule).Count
        Remove-ChecklistRule
    }
    Write-Answer -Question 'does Remove fail for a name that does not exist' -Answer {
        $rules = (Get-Policy).Rules
        try {
            $rules.Remove("portmatrix-checklist-$([guid]::NewGuid())")
            'no'
        }
        catch {
            "yes, $(Get-Reason -Failure $_)"
        }
    }
}
