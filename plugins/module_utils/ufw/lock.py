# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of ufw, and other runs of ufw that may write what they read before we changed it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import typing as t

from ..errors import BackendError

PATH = '/run/ufw.lock'
SECONDS, WAIT_FOR_OTHERS = 60, 30


@contextlib.contextmanager
def hold() -> t.Iterator[None]:
    """Nobody else changes ufw's files meanwhile. Raises BackendError where somebody does not let go of the lock."""
    deadline = time.monotonic() + SECONDS
    with open(PATH, 'a', encoding='ascii') as file:
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise BackendError(f'ufw has been busy for {SECONDS} s (its lock {PATH} is held); wait for it, then run again') from error
                time.sleep(0.1)
        yield


def others() -> t.List[int]:
    """Process ids of the program ufw: it reads its rules before it takes the lock, and writes them back after."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as file:
                words = file.read().split('\0')
        except OSError:
            continue
        if any(word.endswith('/ufw') or word == 'ufw' for word in words[:3]) and any('python' in word or word.endswith('/ufw') for word in words[:1]):
            found.append(int(pid))
    return found


def wait_for(pids: t.Iterable[int]) -> None:
    """Wait until PIDS have ended, or for half a minute."""
    deadline = time.monotonic() + WAIT_FOR_OTHERS
    left = list(pids)
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [pid for pid in left if os.path.exists(f'/proc/{pid}')]
