# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of ufw, and other runs of ufw that may overwrite a change with what they had read before it."""

from __future__ import annotations

import fcntl
import os
import time
import typing as t

from ..._base import locks, processes

PATH = '/run/ufw.lock'
SECONDS, WAIT_SECONDS = 60, 30


def hold() -> t.ContextManager[None]:
    """Keep other runs of ufw from changing its files. Raises Busy if one keeps the lock for SECONDS."""
    return locks.hold(SECONDS, PATH, fcntl.lockf)


def concurrent_runs() -> t.List[int]:
    """Process ids of running ufw commands: ufw reads its rules before it takes the lock, and writes them back after."""
    return [pid for pid in processes.process_ids() if _is_ufw(processes.command_line(pid))]


def wait_for(pids: t.Iterable[int]) -> None:
    """Wait until PIDS have ended, or for WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    running = list(pids)
    while running and time.monotonic() < deadline:
        time.sleep(0.05)
        running = [pid for pid in running if os.path.exists(f'/proc/{pid}')]


def _is_ufw(command: t.List[str]) -> bool:
    is_script = any(word.endswith('/ufw') or word == 'ufw' for word in command[:3])
    return is_script and ('python' in command[0] or command[0].endswith('/ufw'))
