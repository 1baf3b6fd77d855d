# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t


def read(path: str) -> t.Optional[str]:
    """The text of PATH, or None where there is no such file."""
    try:
        with open(path, encoding='utf-8', errors='surrogateescape') as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(path: str, content: t.Union[str, bytes], mode: t.Optional[int] = None) -> None:
    """Put CONTENT at PATH: through a temporary file beside it, synced and renamed. MODE None keeps that of the file (a new one gets 0644)."""
    if mode is None:
        mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else 0o644
    temporary = f'{path}.portmatrix-new'
    os.makedirs(os.path.dirname(path), exist_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, 'wb') as file:
            os.fchmod(file.fileno(), mode)
            file.write(content if isinstance(content, bytes) else content.encode('utf-8', 'surrogateescape'))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def sync_folder(path: str) -> None:
    """Bring the names in the folder PATH to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: str) -> None:
    """Remove PATH where it is."""
    if os.path.lexists(path):  # a read-only file system refuses to remove even what is not there
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def remove_folder(path: str) -> None:
    """Remove the folder PATH where it is there and empty."""
    with contextlib.suppress(OSError):
        os.rmdir(path)


def put(contents: t.Dict[str, t.Optional[str]]) -> None:
    """Give every path its content; None removes it. Additions come first; what is there already is not written. When this returns, all is on the disk."""
    folders = set()
    for path, content in sorted(contents.items(), key=lambda item: (item[1] is None, item[0])):
        if read(path) == content and not (content is None and os.path.lexists(path)):
            continue
        if content is None:
            remove(path)
        else:
            write(path, content)
        folders.add(os.path.dirname(path))
    for folder in folders:
        sync_folder(folder)
