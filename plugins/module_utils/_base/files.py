# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are written completely or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import stat
import time
import typing as t

from .errors import BackendError

_SUFFIX = '.portmatrix-new'
_STALE_SECONDS = 3600  # a temporary file of this age belongs to a process that was killed


def read(path: str) -> t.Optional[str]:
    """Return the text of PATH, with the ends of its lines as they are, or None if there is no such file."""
    try:
        with open(path, encoding='utf-8', errors='surrogateescape', newline='') as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(path: str, content: t.Union[str, bytes], mode: t.Optional[int] = None) -> None:
    """Write CONTENT to PATH, or to the file that a link there names: to a temporary file of its own beside it, which is
    synced and then renamed.

    Owner, group, access lists and attributes of an existing file stay, and with MODE None its mode, too; a new one gets
    0644. Of several writers the last one wins as a whole.
    """
    path = os.path.realpath(path)
    former = path if os.path.exists(path) else None
    if mode is None:
        mode = stat.S_IMODE(os.stat(former).st_mode) if former else 0o644
    os.makedirs(os.path.dirname(path), exist_ok=True)
    _remove_stale(path)
    temporary = f'{path}.{secrets.token_hex(4)}{_SUFFIX}'
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, 'wb') as file:
            if former:
                _copy_attributes(former, file.fileno())
            os.fchmod(file.fileno(), mode)
            file.write(content if isinstance(content, bytes) else content.encode('utf-8', 'surrogateescape'))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def _copy_attributes(former: str, descriptor: int) -> None:
    """Give an open file the owner, group, access list and other attributes of the file FORMER."""
    status = os.stat(former)
    with contextlib.suppress(OSError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    with contextlib.suppress(OSError):  # a file system without attributes
        for name in os.listxattr(former):
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, os.getxattr(former, name))


def _remove_stale(path: str) -> None:
    """Remove what writers of PATH have left that were killed."""
    for temporary in glob.glob(f'{glob.escape(path)}.*{_SUFFIX}'):
        with contextlib.suppress(FileNotFoundError):
            if abs(time.time() - os.lstat(temporary).st_mtime) > _STALE_SECONDS:
                remove(temporary)


def make_private_folder(path: str) -> None:
    """Make the folder PATH, which nobody else may open. Raises BackendError as `require_private`."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    require_private(path)


def require_private(path: str) -> None:
    """Raise BackendError if anybody else may change what is in the folder PATH; a missing one is as good as empty."""
    if not os.path.lexists(path):
        return
    status = os.lstat(path)
    is_private = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022
    if not is_private:
        raise BackendError(
            f'{path}: must be a folder that only root can write to, but has the mode {stat.filemode(status.st_mode)} '
            f'and the owner {status.st_uid}, so nothing in it is trusted; look at it, remove it, then run again'
        )


def write_all(contents: t.Mapping[str, t.Optional[str]]) -> None:
    """Write every path with its content; None removes the file. All of it is on disk when this returns.

    Files are written before others are removed; a file that already has its content is not touched.
    """
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


def sync_folder(path: str) -> None:
    """Sync the file names in the folder PATH to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: str) -> None:
    """Remove PATH if it exists."""
    if os.path.lexists(path):  # on a read-only file system, removing a missing file is an error, too
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def remove_folder(path: str) -> None:
    """Remove the folder PATH if it exists and is empty."""
    with contextlib.suppress(OSError):
        os.rmdir(path)
