# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Text as the controller packs it: base64 of gzip.
function Expand-Text {
    param([string]$Packed)
    $bytes = New-Object -TypeName System.IO.MemoryStream -ArgumentList @(, [Convert]::FromBase64String($Packed))
    $mode = [System.IO.Compression.CompressionMode]::Decompress
    $stream = New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $bytes, $mode
    $reader = New-Object -TypeName System.IO.StreamReader -ArgumentList $stream, ([System.Text.Encoding]::UTF8)
    return $reader.ReadToEnd()
}
