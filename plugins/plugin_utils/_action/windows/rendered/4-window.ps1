# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# A change with a window, by the program of the module: it applies the same policy, and a task of SYSTEM rolls it back
# unless -ConfirmChange keeps it.

# What the program answers to a request, as an object.
function Invoke-Engine {
    param([string]$Request)
    $source = Expand-Text -Packed $engine.Source
    $types = Add-Type -TypeDefinition $source -PassThru
    $program = @($types | Where-Object { $_.FullName -eq 'Portmatrix.Firewall.Program' })[0]
    $bytes = [System.Security.Cryptography.SHA256]::Create().ComputeHash([System.Text.Encoding]::UTF8.GetBytes($Request))
    $sum = [BitConverter]::ToString($bytes).Replace('-', '').ToLowerInvariant()
    return (ConvertFrom-Json -InputObject ($program::Run($Request, $sum, $source, $null)))
}

# A code of the program in words.
function Get-Sentence {
    param(
        [string]$Code,
        $Details
    )
    $text = if ($sentences.ContainsKey($Code)) { $sentences[$Code] } else { $Code }
    foreach ($property in @($Details.PSObject.Properties)) {
        $value = $property.Value
        if ($property.Name -eq 'connection') {
            $text = $text.Replace('{peer}', "$($value[1])").Replace('{port}', "$($value[2])")
        }
        $text = $text.Replace("{$($property.Name)}", "$value")
    }
    return $text
}

function Start-Window {
    if (-not $AnyComputer) {
        Assert-Computer
    }
    if (-not $PSCmdlet.ShouldProcess($computer.Names[0], "apply the policy, and roll it back after $ConfirmWithin s")) {
        return
    }
    $token = [Guid]::NewGuid().ToString('N')
    $request = $engine.Request.Replace('"confirm_timeout":0', "`"confirm_timeout`":$ConfirmWithin")
    $answer = Invoke-Engine -Request $request.Replace('"token":""', "`"token`":`"$token`"")
    if ($answer.PSObject.Properties['refused']) {
        throw (Get-Sentence -Code $answer.refused -Details $answer.details)
    }
    if (-not $answer.facts.changed) {
        Write-Output 'portmatrix: nothing had to change'
        return
    }
    Write-Output ("portmatrix: applied; it is rolled back in $ConfirmWithin s, unless a new session runs " +
        'portmatrix.ps1 -ConfirmChange')
}

function Confirm-Window {
    $path = Join-Path $folder 'pending.json'
    if (-not (Test-Path -LiteralPath $path)) {
        throw 'no change waits for its confirmation'
    }
    if (-not $PSCmdlet.ShouldProcess($folder, 'confirm the change')) {
        return
    }
    $pending = ConvertFrom-Json -InputObject ([System.IO.File]::ReadAllText($path))
    $request = '{"format":2,"state":"confirmed","check":false,"confirm_timeout":0,"confirm_connections":false,' +
    '"token":"' + $pending.token + '","port":' + $engine.Port + ',"transport":"winrm","policy":null}'
    $answer = Invoke-Engine -Request $request
    if ($answer.PSObject.Properties['refused']) {
        throw (Get-Sentence -Code $answer.refused -Details $answer.details)
    }
    if ($answer.facts.outcome -ne 'confirmed') {
        throw "$($answer.facts.outcome): $(Get-Sentence -Code $answer.facts.reason -Details $answer.facts.details)"
    }
    Write-Output 'portmatrix: the change is confirmed, and stays'
}
