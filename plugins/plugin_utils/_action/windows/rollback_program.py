# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Windows host runs to restore its former rules: the C# of the module, compiled there, without Ansible."""

from __future__ import annotations

import re
from pathlib import Path

_SOURCES = Path(__file__).parents[3] / 'module_utils' / 'windows'
_NAMESPACE = 'ansible_collections.portmatrix.firewall.plugins.module_utils.windows'
_USING = re.compile(r'(?m)^using [\w.]+;\n')
_COMMENT = re.compile(r'(?m)^ *//.*\n')
_INDENT = re.compile(r'(?m)^ +')
_TEXT = """param([string]$Token)
$ErrorActionPreference = 'Stop'
Add-Type -TypeDefinition @'
{source}
'@
$dependencies = [{namespace}.Factories.DependencyFactory]::Create()
$answer = [{namespace}.Rollbacks.Rollback]::RunForToken($dependencies, $Token)
if ($answer['outcome'] -eq 'error') {{
    exit 1
}}
"""


def text(sources: Path = _SOURCES) -> str:
    """One PowerShell script with all of SOURCES in it; its parameter is the token of the change. Comments and indents
    are left out."""
    files = [path.read_text(encoding='utf-8') for path in sorted(sources.glob('*.cs'))]
    usings = sorted({using for file in files for using in _USING.findall(file)})
    return _TEXT.format(
        source=''.join(usings) + ''.join(_INDENT.sub('', _COMMENT.sub('', _USING.sub('', file))) for file in files),
        namespace=_NAMESPACE,
    )
