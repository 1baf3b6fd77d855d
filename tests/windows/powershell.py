"""A PowerShell 7 on this machine: the one on PATH, or one that was unpacked in build/pwsh."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = shutil.which('pwsh') or shutil.which('pwsh', path=ROOT / 'build' / 'pwsh' / 'bin')
MISSING = 'there is no PowerShell (pwsh) on this machine, so what ships as PowerShell was not run by one'
_SECONDS = 300
# argument: a file; prints the errors of PowerShell's own parser as JSON
_PARSE = """
param([string]$Path)
$tokens = $null
$errors = $null
$null = [System.Management.Automation.Language.Parser]::ParseFile($Path, [ref]$tokens, [ref]$errors)
ConvertTo-Json -Compress -InputObject @($errors | ForEach-Object { "$($_.Extent.StartLineNumber): $($_.Message)" })
"""


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the file SCRIPT."""
    return _run('-File', str(script), *arguments)


def run_command(text: str) -> subprocess.CompletedProcess[str]:
    """Run the command TEXT."""
    return _run('-Command', text)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), '-NoProfile', '-NonInteractive', *arguments]
    return subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=_SECONDS
    )


def faults(path: Path, folder: Path) -> list[str]:
    """What PowerShell's parser finds wrong in the file PATH; FOLDER is for a script of ours."""
    finished = run(_written(folder, _PARSE), str(path))
    assert finished.returncode == 0, finished.stdout
    return json.loads(finished.stdout)


def _written(folder: Path, text: str) -> Path:
    script = folder / 'script.ps1'
    script.write_text(text)
    return script
