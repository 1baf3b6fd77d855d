# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of this host, read from /proc. What cannot be read (a process that has ended) is empty."""

from __future__ import annotations

import os
import re
import typing as t

_DELETED = ' (deleted)'


def process_ids() -> t.List[int]:
    return [int(name) for name in os.listdir('/proc') if name.isdigit()]


def command_line(pid: int) -> t.List[str]:
    """The program and arguments of the process PID."""
    return _read(pid, 'cmdline').decode('utf-8', 'replace').split('\0')


def executable(pid: int) -> str:
    """The path of the program that PID runs, which it cannot choose; "" if it has ended."""
    try:
        path = os.readlink(f'/proc/{pid}/exe')
    except OSError:
        return ''
    # of a program that was upgraded since
    return path[: -len(_DELETED)] if path.endswith(_DELETED) else path


def user(pid: int) -> int:
    """The id of the real user of PID, as seen from here; -1 if it has ended."""
    match = re.search(rb'(?m)^Uid:\s+(\d+)', _read(pid, 'status'))
    return int(match.group(1)) if match else -1


def environment(pid: int) -> t.Dict[str, str]:
    pairs = (item.partition(b'=') for item in _read(pid, 'environ').split(b'\0'))
    return {key.decode('utf-8', 'replace'): value.decode('utf-8', 'replace') for key, _equals, value in pairs}


def parent(pid: int) -> int:
    """The process id of the parent of PID; 0 if it has none."""
    return _status_field(pid, 1)


def start_time(pid: int) -> int:
    """When PID started, in clock ticks since the host booted; 0 if it has ended. No two processes share both."""
    return _status_field(pid, 19)


def open_files(pid: int) -> t.List[str]:
    """What the file descriptors of PID refer to, for example "socket:[4711]"."""
    try:
        return [os.readlink(f'/proc/{pid}/fd/{number}') for number in os.listdir(f'/proc/{pid}/fd')]
    except OSError:
        return []


def _status_field(pid: int, number: int) -> int:
    """Field NUMBER of /proc/PID/stat, counted from the state, which follows the name in parentheses."""
    fields = _read(pid, 'stat').rpartition(b')')[2].split()
    return int(fields[number]) if len(fields) > number else 0


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f'/proc/{pid}/{name}', 'rb') as file:
            return file.read()
    except OSError:
        return b''
