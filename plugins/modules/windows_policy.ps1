#!powershell

# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#Requires -Version 5.1

# The action plugin checks its arguments and says what the answer means. So this needs no Ansible.Basic, which is larger
# than all of the program that is compiled here.

$ErrorActionPreference = 'Stop'
$folder = Join-Path -Path $env:ProgramData -ChildPath 'portmatrix'

function Expand-Text {
    param([string]$Packed)
    $bytes = New-Object -TypeName System.IO.MemoryStream -ArgumentList @(, [Convert]::FromBase64String($Packed))
    $mode = [System.IO.Compression.CompressionMode]::Decompress
    $stream = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $bytes, $mode
    $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $stream, ([System.Text.Encoding]::UTF8)
    return $reader.ReadToEnd()
}

function Read-Record {
    param([string]$Name)
    $path = Join-Path -Path $folder -ChildPath $Name
    if (Test-Path -LiteralPath $path) {
        return [System.IO.File]::ReadAllText($path)
    }
    return ''
}

# The program that was sent, or the one that lies on the host while a change is pending.
function Get-Program {
    param([string]$Source)
    $types = @()
    if (-not $Source) {
        try {
            $library = [System.IO.File]::ReadAllBytes((Join-Path -Path $folder -ChildPath 'rollback.dll'))
            $types = [System.Reflection.Assembly]::Load($library).GetTypes()
        }
        catch {
            # another PowerShell has compiled it
            $Source = Read-Record -Name 'rollback.cs'
        }
    }
    if ($Source) {
        $types = Add-Type -TypeDefinition $Source -PassThru
    }
    return @($types | Where-Object -FilterScript { $_.FullName -eq 'Portmatrix.Firewall.Program' })[0]
}

function Get-Outcome {
    $outcome = Read-Record -Name 'outcome.json'
    $pending = if (Read-Record -Name 'pending.json') { 'true' } else { 'false' }
    $facts = if ($outcome) { '{"facts":' + $outcome + '}' } else { 'null' }
    $managed = if (Read-Record -Name 'memory.json') { 'true' } else { 'false' }
    return '{"changed":false,"pending":' + $pending + ',"managed":' + $managed + ',"answer":' + $facts + '}'
}

function Invoke-Program {
    $source = if ($complex_args.source) { Expand-Text -Packed $complex_args.source } else { '' }
    $request = Expand-Text -Packed $complex_args.request
    $program = Get-Program -Source $source
    return '{"changed":false,"answer":' + $program::Run($request, $complex_args.sha256, $source) + '}'
}

try {
    $isOver = $complex_args.state -eq 'confirmed' -and -not (Read-Record -Name 'pending.json')
    if ($isOver -or $complex_args.state -eq 'outcome') {
        Get-Outcome
    }
    else {
        Invoke-Program
    }
}
catch {
    $cause = $_.Exception.GetBaseException()
    $stack = "$($_.ScriptStackTrace)`n$cause"
    ConvertTo-Json -Compress -InputObject @{ failed = $true; msg = "Unexpected error: $($cause.Message)"; exception = $stack }
}
