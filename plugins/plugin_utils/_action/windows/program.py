# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs on a Windows host: all of module_utils/windows as one text of C#, for PowerShell to compile."""

from __future__ import annotations

import functools
import re
from pathlib import Path

_SOURCES = Path(__file__).parents[3] / 'module_utils' / 'windows'
_COMMENT = re.compile(r'(?m)^ *//.*\n')
_INDENT = re.compile(r'(?m)^ +')
_EMPTY = re.compile(r'\n{2,}')


@functools.cache
def text(sources: Path = _SOURCES) -> str:
    """All of SOURCES, without comments and indents. Each file has its usings inside its namespace, so that they can
    follow each other."""
    files = (path.read_text(encoding='utf-8') for path in sorted(sources.rglob('*.cs')))
    return _EMPTY.sub('\n', ''.join(_INDENT.sub('', _COMMENT.sub('', file)) for file in files))
