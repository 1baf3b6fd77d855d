# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ours at a time on a host."""

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
def hold(seconds: float = SECONDS) -> t.Iterator[None]:
    """Hold the lock. Raises Busy where another run does not let go of it within SECONDS."""
    deadline = time.monotonic() + seconds
    with open(PATH, 'w', encoding='ascii') as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise Busy(f'another run has held {PATH} for {seconds:.0f} s; wait for it, then run again') from error
                time.sleep(0.1)
        yield
