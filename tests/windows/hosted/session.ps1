<#
.SYNOPSIS
Keeps one connection to a web server in use, a request every second, until the file LOG.stop appears. The last line of
the log says how it ended.
#>
param(
    [Parameter(Mandatory = $true)]
    [string]$Peer,
    [Parameter(Mandatory = $true)]
    [int]$Port,
    [Parameter(Mandatory = $true)]
    [string]$Log
)

$ErrorActionPreference = 'Stop'
$maxSeconds = 900

function Read-Head {
    param([System.IO.Stream]$Stream)
    $text = ''
    while (-not $text.EndsWith("`r`n`r`n")) {
        $byte = $Stream.ReadByte()
        if ($byte -lt 0) {
            return $text
        }
        $text += [char]$byte
    }
    return $text
}

$client = New-Object -TypeName System.Net.Sockets.TcpClient -ArgumentList $Peer, $Port
$stream = $client.GetStream()
$stream.ReadTimeout = 10000
if ($Port -eq 443) {
    $stream = New-Object -TypeName System.Net.Security.SslStream -ArgumentList $stream
    # Windows PowerShell would offer an older TLS, which few servers accept
    $stream.AuthenticateAsClient($Peer, $null, [System.Security.Authentication.SslProtocols]::Tls12, $false)
}
$question = [System.Text.Encoding]::ASCII.GetBytes("HEAD / HTTP/1.1`r`nHost: $Peer`r`nUser-Agent: portmatrix`r`n`r`n")
$watch = [System.Diagnostics.Stopwatch]::StartNew()
$count = 0
$end = ''
while (-not $end) {
    try {
        $stream.Write($question, 0, $question.Length)
        $head = Read-Head -Stream $stream
        $count += 1
        if (-not $head -or $head -match '(?m)^Connection: *close') {
            $end = "cannot be told: the web server has closed it after $count requests"
        }
        Add-Content -LiteralPath $Log -Value "$count $($watch.Elapsed.TotalSeconds)"
    }
    catch {
        $end = "no, it broke after $count requests: $($_.Exception.GetBaseException().Message)"
    }
    if (-not $end -and ((Test-Path -LiteralPath "$Log.stop") -or $watch.Elapsed.TotalSeconds -gt $maxSeconds)) {
        $end = "yes ($count requests over one connection)"
    }
    Start-Sleep -Seconds 1
}
Add-Content -LiteralPath $Log -Value $end
