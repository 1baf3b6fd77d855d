# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of ufw, and other runs of ufw that may write what they read before we changed it."""

from __future__ import annotations

import fcntl
import os
import time
import typing as t

from ..._base import locks

PATH = '/run/ufw.lock'
SECONDS, WAIT_FOR_OTHERS = 60, 30


def hold() -> t.ContextManager[None]:
    """Nobody else changes ufw's files meanwhile. Raises Busy where somebody does not let go of the lock."""
    return locks.hold(SECONDS, PATH, fcntl.lockf, 'ufw')


def others() -> t.List[int]:
    """Process ids of the program ufw: it reads its rules before it takes the lock, and writes them back after."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as file:
                words = file.read().split('\0')
        except OSError:
            continue
        if any(word.endswith('/ufw') or word == 'ufw' for word in words[:3]) and any(
            'python' in word or word.endswith('/ufw') for word in words[:1]
        ):
            found.append(int(pid))
    return found


def wait_for(pids: t.Iterable[int]) -> None:
    """Wait until PIDS have ended, or for half a minute."""
    deadline = time.monotonic() + WAIT_FOR_OTHERS
    left = list(pids)
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = [pid for pid in left if os.path.exists(f'/proc/{pid}')]
