# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports on which systemd listens for an SSH server, and starts it for a connection (units of type socket)."""

from __future__ import annotations

import re
import typing as t

from .._base import systemd
from .._base.commands import run

_TCP_PORT = re.compile(r'Listen=\S*:(\d+) \(Stream\)')
_PROGRAM = re.compile(r'path=\S*?([^/\s]+) ;')


def ports(listening: t.Container[int], servers: t.Container[str]) -> t.Iterator[int]:
    """Those of the ports LISTENING (of process 1) whose unit starts one of SERVERS, names of programs."""
    for record in _show('--type=socket', '--state=active', '--property=Id,Accept,Listen,Triggers', '*'):
        tcp = [int(port) for port in _TCP_PORT.findall(record) if int(port) in listening]
        if tcp and any(program in servers for program in _programs(record)):
            yield from tcp


def _programs(record: str) -> t.Iterator[str]:
    """The names of the programs that the socket unit in RECORD starts."""
    fields = dict(line.partition('=')[::2] for line in record.splitlines())
    services = fields.get('Triggers', '').split()
    if fields.get('Accept') == 'yes':
        # an instance of its template for each connection, by whatever name
        services = [f'{fields["Id"].rpartition(".socket")[0]}@portmatrix.service']
    for service in services:
        for text in _show('--property=ExecStart', service):
            yield from _PROGRAM.findall(text)


def _show(*arguments: str) -> t.List[str]:
    """What systemd knows of units: a text for each."""
    if not systemd.is_running():
        return []
    return run(['systemctl', 'show', *arguments], check=False).stdout.split('\n\n')
