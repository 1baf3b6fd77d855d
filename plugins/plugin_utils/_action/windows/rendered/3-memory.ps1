# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What this computer had before, where the module keeps it: "absent" of the module, and -Undo, bring it back.

function Read-Memory {
    $path = Join-Path $folder 'memory.json'
    if (-not $isLocal -or -not (Test-Path -LiteralPath $folder)) {
        return $null
    }
    Assert-Folder
    if (-not (Test-Path -LiteralPath $path)) {
        return $null
    }
    return (ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($path)))
}

function ConvertTo-Text {
    param([string]$Text)
    return (ConvertTo-Json -InputObject $Text -Compress)
}

# [name, effect (not known here), how many of that name were so already]
function ConvertTo-Entry {
    param($Entries)
    return '[' + [string]::Join(',', @($Entries | ForEach-Object { "[$(ConvertTo-Text -Text $_[0]),`"$($_[1])`",$($_[2])]" })) + ']'
}

function Write-Memory {
    param(
        [hashtable]$Settings,
        $SwitchedOff,
        $SwitchedOn
    )
    $pairs = @($Settings.Keys | Sort-Object | ForEach-Object { "`"$_`":$("$($Settings[$_])".ToLowerInvariant())" })
    $text = '{"fixed":[],"managed":"","settings":{' + [string]::Join(',', $pairs) + '},"switched_off":' +
    (ConvertTo-Entry -Entries $SwitchedOff) + ',"switched_on":' + (ConvertTo-Entry -Entries $SwitchedOn) + '}'
    $path = Join-Path $folder 'memory.json'
    [System.IO.File]::WriteAllText("$path.new", $text)
    Move-Item -LiteralPath "$path.new" -Destination $path -Force -ErrorAction Stop
}

# Everybody may create folders in %ProgramData%: one that somebody else has made there is not believed.
function Assert-Folder {
    $trusted = @('S-1-5-18', 'S-1-5-32-544')
    $identity = [System.Security.Principal.SecurityIdentifier]
    $security = Get-Acl -LiteralPath $folder -ErrorAction Stop
    $holders = @($security.GetOwner($identity)) + @($security.GetAccessRules($true, $true, $identity) |
            Where-Object { "$($_.AccessControlType)" -eq 'Allow' } | ForEach-Object { $_.IdentityReference })
    foreach ($holder in $holders) {
        if ($trusted -notcontains $holder.Value) {
            throw (Get-Sentence -Code 'folder' -Details ([pscustomobject]@{ path = $folder; problem = "$($holder.Value) has access" }))
        }
    }
}

# A folder for administrators and SYSTEM only, as the module makes it.
function Initialize-Folder {
    if (Test-Path -LiteralPath $folder) {
        return
    }
    $null = New-Item -ItemType Directory -Path $folder -ErrorAction Stop
    # the owner is a call of its own: icacls knows one form or the other
    & icacls.exe $folder /inheritance:r /grant '*S-1-5-32-544:(OI)(CI)F' '*S-1-5-18:(OI)(CI)F' | Out-Null
    $code = $LASTEXITCODE
    & icacls.exe $folder /setowner '*S-1-5-32-544' | Out-Null
    if ($code -ne 0 -or $LASTEXITCODE -ne 0) {
        Remove-Item -LiteralPath $folder -ErrorAction Stop
        throw "the access list of $folder could not be set"
    }
}

function Backup-Firewall {
    $path = Join-Path $folder "before-$(Get-Date -Format 'yyyyMMdd-HHmmss').wfw"
    & netsh.exe advfirewall export $path | Out-Null
    if ($LASTEXITCODE -ne 0) {
        throw 'the firewall could not be exported, so nothing was changed'
    }
    return $path
}

# The rules of others that ENTRIES mean, of those that are ENABLED or not.
function Find-Remembered {
    param(
        $Entries,
        [string]$Enabled
    )
    if (@($Entries).Count -eq 0) {
        return
    }
    $candidates = @(Find-Rule -Filter @{ Enabled = $Enabled } | Where-Object { $_.Group -ne $group })
    $taken = @()
    foreach ($entry in @($Entries)) {
        $same = @($candidates | Where-Object { $_.DisplayName -eq $entry[0] -and $taken -notcontains $_.Name })
        if ($same.Count -gt $entry[2]) {
            $taken += $same[0].Name
            $same[0]
        }
        else {
            Write-Warning "the rule '$($entry[0])' was switched, and is not found as it was"
        }
    }
}
