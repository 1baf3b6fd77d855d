<#
.SYNOPSIS
The real parts of the program one by one: the folder of the records with its access list, and the rules over COM.

.PARAMETER Requests
The folder with what request.py has written.
#>
param(
    [Parameter(Mandatory = $true)]
    [string]$Requests
)

$ErrorActionPreference = 'Stop'
. (Join-Path $PSScriptRoot 'functions.ps1')
$watch = [System.Diagnostics.Stopwatch]::StartNew()
Add-Type -TypeDefinition (Expand-Text -Packed (Read-Argument -Name 'gathered').source)
Write-Output "        the program was compiled in $($watch.ElapsedMilliseconds) ms"

$path = Join-Path $env:ProgramData 'portmatrix-checklist'
try {
    $folder = New-Object -TypeName Portmatrix.Firewall.RecordFolder -ArgumentList $path
    $folder.Prepare()
    $folder.Prepare()
    Write-Output "        its access list: $(@(Get-Access -Path $path) -join ', ')"
    $folder.Write('record', 'first')
    $folder.Write('record', 'second')
    Test-That -What 'a record is replaced' -IsMet ($folder.Read('record') -eq 'second') -Detail $folder.Read('record')
    Write-Output "        that of a record: $(@(Get-Access -Path (Join-Path $path 'record')) -join ', ')"
    $isFirst = $folder.TryCreate('claim', '')
    $isSecond = $folder.TryCreate('claim', '')
    Test-That -What 'a claim is made once' -IsMet ($isFirst -and -not $isSecond) -Detail "$isFirst, $isSecond"
    $lock = $folder.TryLock(0)
    $other = $folder.TryLock(0)
    Test-That -What 'a lock is held once' -IsMet ($lock -and -not $other) -Detail "$lock, $other"
    $lock.Dispose()
    # PowerShell would make an empty text of $null
    $folder.Write('record', [NullString]::Value)
    $folder.Write('claim', [NullString]::Value)
    $folder.RemoveIfEmpty()
    Test-That -What 'an empty folder is removed' -IsMet (-not (Test-Path -LiteralPath $path)) -Detail $path
    $null = New-Item -ItemType Directory -Path $path
    $refused = ''
    try {
        $folder.Prepare()
    }
    catch {
        $refused = $_.Exception.GetBaseException().Code
    }
    Test-That -What 'a folder that others can read is refused' -IsMet ($refused -eq 'folder') -Detail "answer: '$refused'"
}
finally {
    Remove-Item -LiteralPath $path -Recurse -ErrorAction SilentlyContinue
}

$store = New-Object -TypeName Portmatrix.Firewall.ComStore
$watch = [System.Diagnostics.Stopwatch]::StartNew()
$listed = $store.List()
$listing = $watch.ElapsedMilliseconds
$unreadable = @($listed | Where-Object { $store.Read($_).Unreadable })
$text = "$($listed.Count) rules listed in $listing ms, read in full in $($watch.ElapsedMilliseconds - $listing) ms"
Write-Output "        $text"
Test-That -What 'each rule can be read' -IsMet ($unreadable.Count -eq 0) -Detail (@($unreadable | ForEach-Object { $_.Name }) -join ', ')
$stored = @(Get-StoredRule).Count
Test-That -What 'no local rule is missing' -IsMet ($listed.Count -ge $stored) -Detail "$stored are stored"
Complete-Part
