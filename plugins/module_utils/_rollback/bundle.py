# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code that is stored with a pending change: this package in one file, as each file has to be synced to disk."""

from __future__ import annotations

import glob
import io
import os
import shlex
import sys
import typing as t
import zipfile

from .._base import files
from .._base.errors import BackendError

if t.TYPE_CHECKING:
    # Ansible sends to a host what the module imports and nothing else: this makes the program part of it
    from . import program  # noqa: F401

NAME = 'code.zip'
_PACKAGE = 'portmatrix_module_utils'
_ENTRY = '_rollback/program.py'
PROGRAM = f"""import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '{NAME}'))
from {_PACKAGE}._rollback import program
sys.exit(program.main(sys.argv[1:]))
"""


def starter() -> str:
    """A shell script that starts the program in its own folder: the one place where the interpreter is named, whose
    path may contain anything. It is read by sh, since some hosts execute nothing in /var (noexec, SELinux)."""
    return f'exec {shlex.quote(sys.executable)} "${{0%/*}}/program" "$@"\n'


def archive() -> bytes:
    """The archive of this package, from the archive in which Ansible sent it or from its folder."""
    sources = _sources()
    if _ENTRY not in sources:
        raise BackendError(
            f'the code for a rollback is missing beside {os.path.abspath(__file__)}, so nothing was changed; install '
            'portmatrix.firewall again'
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as target:
        for name, source in sources.items():
            # ZipInfo has a fixed date: ZIP cannot store every date that a host's clock may have
            target.writestr(zipfile.ZipInfo(f'{_PACKAGE}/{name}'), source)
    return buffer.getvalue()


def _sources() -> t.Dict[str, bytes]:
    """Path in this package -> content."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    archive_path, marker, inside = here.partition('.zip/')
    if not marker:
        paths = glob.glob(f'{glob.escape(here)}/**/*.py', recursive=True)
        return {os.path.relpath(path, here): (files.read(path) or '').encode('utf-8') for path in paths}
    with zipfile.ZipFile(f'{archive_path}.zip') as source:
        names = [name for name in source.namelist() if name.startswith(f'{inside}/') and name.endswith('.py')]
        return {name[len(inside) + 1 :]: source.read(name) for name in names}
