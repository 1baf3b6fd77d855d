# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code that lies on the host with a change that waits: this package in one file, as each file has to be synced, and a program that starts it."""

from __future__ import annotations

import glob
import io
import os
import typing as t
import zipfile

from .._base import files
from .._base.errors import BackendError

NAME = 'code.zip'
_PACKAGE = 'portmatrix_module_utils'
PROGRAM = f'''import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '{NAME}'))
from {_PACKAGE}._rollback import program
sys.exit(program.main(sys.argv[1:]))
'''


def archive() -> bytes:
    """This package as an archive, out of the one in which Ansible sent it or from its folder: one file, as each has to be synced."""
    sources = _sources()
    if '_rollback/program.py' not in sources:
        raise BackendError(f'the code for a rollback is not beside {os.path.abspath(__file__)}; nothing was changed')
    found = io.BytesIO()
    with zipfile.ZipFile(found, 'w') as target:
        for name, source in sources.items():
            target.writestr(zipfile.ZipInfo(f'{_PACKAGE}/{name}'), source)  # whose date any clock can have
    return found.getvalue()


def _sources() -> t.Dict[str, bytes]:
    """Path in this package -> text."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    archive, marker, inside = here.partition('.zip/')
    if not marker:
        found = glob.glob(f'{glob.escape(here)}/**/*.py', recursive=True)
        return {os.path.relpath(path, here): (files.read(path) or '').encode('utf-8') for path in found}
    with zipfile.ZipFile(f'{archive}.zip') as source:
        return {
            name[len(inside) + 1 :]: source.read(name)
            for name in source.namelist()
            if name.startswith(f'{inside}/') and name.endswith('.py')
        }
