# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of the host: one portmatrix run at a time, and the lock of ufw."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
import typing as t

from . import files, processes
from .errors import BackendError

# whoever can open a lock file can hold it: the folder is root's alone
FOLDER = '/run/portmatrix'
PATH = f'{FOLDER}/lock'
SECONDS = 60


class Busy(BackendError):
    """Another process holds the lock."""


@contextlib.contextmanager
def hold(
    seconds: float = SECONDS,
    path: str = PATH,
    lock: t.Callable[[t.IO[str], int], object] = fcntl.flock,
) -> t.Iterator[None]:
    """Hold the lock file PATH, locked with LOCK (fcntl.flock or fcntl.lockf).

    Nobody else can open it from here on. Raises Busy, with the process, if another one keeps it for SECONDS.
    """
    if path == PATH:
        files.make_private_folder(FOLDER)
    deadline = time.monotonic() + seconds
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    os.fchmod(descriptor, 0o600)
    with os.fdopen(descriptor, 'a', encoding='ascii') as file:
        while True:
            try:
                lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Busy(
                        f'{path}: locked by {_holders(descriptor)} for {seconds:.0f} s; wait until it ends, or end it, '
                        'then run again'
                    ) from error
                time.sleep(0.1)
        yield


def _holders(descriptor: int) -> str:
    """The processes that hold a lock on the file of DESCRIPTOR, as /proc/locks lists them."""
    status = os.fstat(descriptor)
    place = f'{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}'
    try:
        with open('/proc/locks', encoding='ascii') as file:
            held = [int(pid) for pid in re.findall(rf'(?m)^\d+: (?!->).* (\d+) {place} ', file.read())]
    except OSError:
        held = []
    texts = [f'process {pid} ({" ".join(processes.command_line(pid)).strip()[:80]})' for pid in held if pid > 0]
    return ', '.join(texts) or 'another process'
