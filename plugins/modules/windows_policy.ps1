#!powershell

# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

#Requires -Version 5.1

# The action plugin checks its arguments and says what the answer means. So this needs no Ansible.Basic, which is larger
# than all of the program that is compiled here.

$ErrorActionPreference = 'Stop'
# not $env:ProgramData, which a play may set
$data = [Environment]::GetFolderPath('CommonApplicationData')
$folder = Join-Path -Path $data -ChildPath 'portmatrix'

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
    if (-not (Test-Path -LiteralPath $path)) {
        return ''
    }
    # another process may replace it at this moment
    $share = [System.IO.FileShare]::ReadWrite -bor [System.IO.FileShare]::Delete
    $stream = [System.IO.File]::Open($path, [System.IO.FileMode]::Open, [System.IO.FileAccess]::Read, $share)
    $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $stream
    try {
        return $reader.ReadToEnd()
    }
    finally {
        $reader.Dispose()
    }
}

# The program that was sent. A process that runs several tasks (PSRP) has it already, and could not add it again. With
# -Keep the library is returned, too, for the rollback.
function Get-SentProgram {
    param(
        [string]$Source,
        [bool]$Keep
    )
    $known = 'Portmatrix.Firewall.Program' -as [type]
    if ($known) {
        return @{ Type = $known; Library = $null }
    }
    if (-not $Keep) {
        $types = Add-Type -TypeDefinition $Source -PassThru
        return @{ Type = @($types | Where-Object -FilterScript { $_.Name -eq 'Program' })[0]; Library = $null }
    }
    $file = Join-Path -Path ([System.IO.Path]::GetTempPath()) -ChildPath ([System.IO.Path]::GetRandomFileName() + '.dll')
    try {
        Add-Type -TypeDefinition $Source -OutputAssembly $file
        $library = [System.IO.File]::ReadAllBytes($file)
    }
    finally {
        Remove-Item -LiteralPath $file -ErrorAction SilentlyContinue
    }
    # the task runs Windows PowerShell, which cannot load what PowerShell 7 has compiled
    $loads = $PSVersionTable.PSEdition -ne 'Core' -or -not $IsWindows
    return @{ Type = Get-ProgramIn -Library $library; Library = if ($loads) { $library } else { $null } }
}

function Get-ProgramIn {
    param([byte[]]$Library)
    return [System.Reflection.Assembly]::Load($Library).GetType('Portmatrix.Firewall.Program', $true)
}

# The program that lies on the host while a change is pending.
function Get-StoredProgram {
    try {
        $path = Join-Path -Path $folder -ChildPath 'rollback.dll'
        return @{ Type = Get-ProgramIn -Library ([System.IO.File]::ReadAllBytes($path)); Library = $null }
    }
    catch {
        # another PowerShell has compiled it
        return Get-SentProgram -Source (Read-Record -Name 'rollback.cs') -Keep $false
    }
}

function Get-Outcome {
    $outcome = Read-Record -Name 'outcome.json'
    $pending = if (Read-Record -Name 'pending.json') { 'true' } else { 'false' }
    $facts = if ($outcome) { '{"facts":' + $outcome + '}' } else { 'null' }
    $managed = if (Read-Record -Name 'memory.json') { 'true' } else { 'false' }
    return '{"changed":false,"pending":' + $pending + ',"managed":' + $managed + ',"answer":' + $facts + '}'
}

function Invoke-Program {
    $request = Expand-Text -Packed $complex_args.request
    $source = ''
    if ($complex_args.source) {
        $source = Expand-Text -Packed $complex_args.source
        $program = Get-SentProgram -Source $source -Keep ([bool]$complex_args.keep)
    }
    else {
        $program = Get-StoredProgram
    }
    $answer = ($program.Type)::Run($request, $complex_args.sha256, $source, $program.Library)
    return '{"changed":false,"answer":' + $answer + '}'
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
