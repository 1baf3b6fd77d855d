# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of the host: one portmatrix run at a time, and the lock of ufw."""

from __future__ import annotations

import contextlib
import fcntl
import time
import typing as t

from .errors import BackendError

PATH = '/run/portmatrix.lock'
SECONDS = 60


class Busy(BackendError):
    """Another process holds the lock."""


@contextlib.contextmanager
def hold(
    seconds: float = SECONDS,
    path: str = PATH,
    lock: t.Callable[[t.IO[str], int], object] = fcntl.flock,
    holder: str = 'another run',
) -> t.Iterator[None]:
    """Hold the lock file PATH, locked with LOCK (fcntl.flock or fcntl.lockf).

    Raises Busy if HOLDER, which names the other process in the message, keeps it for SECONDS.
    """
    deadline = time.monotonic() + seconds
    with open(path, 'a', encoding='ascii') as file:
        while True:
            try:
                lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    message = f'{path}: locked by {holder} for {seconds:.0f} s; wait until it ends, then run again'
                    raise Busy(message) from error
                time.sleep(0.1)
        yield
