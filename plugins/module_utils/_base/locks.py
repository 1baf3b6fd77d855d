# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of the host: one run of ours at a time, and the lock of ufw."""

from __future__ import annotations

import contextlib
import fcntl
import time
import typing as t

from .errors import BackendError

PATH = '/run/portmatrix.lock'
SECONDS = 60


class Busy(BackendError):
    """Somebody else holds the lock."""


@contextlib.contextmanager
def hold(
    seconds: float = SECONDS,
    path: str = PATH,
    take: t.Callable[[t.Any, int], t.Any] = fcntl.flock,
    holder: str = 'another run',
) -> t.Iterator[None]:
    """Hold the lock PATH by TAKE (fcntl.flock or fcntl.lockf). Raises Busy where its HOLDER does not let go of it within SECONDS."""
    deadline = time.monotonic() + seconds
    with open(path, 'a', encoding='ascii') as file:
        while True:
            try:
                take(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Busy(f'{holder} has held {path} for {seconds:.0f} s; wait for it, then run again') from error
                time.sleep(0.1)
        yield
