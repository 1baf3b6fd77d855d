# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way in: which TCP ports management uses on this host, as observed on the host itself."""

from __future__ import annotations

import os
import re
import typing as t

from .._base.commands import exists, run
from .._model import traffic
from . import sockets


class Connection(t.NamedTuple):
    """The connection through which we are running: address of the peer as this host sees it, the port on this host, the peer's, and
    the address of this host."""

    peer: str
    port: int
    peer_port: int = 0
    local: str = ''


def observed() -> t.Optional[Connection]:
    """The SSH connection that we run in, from the environment of this process or (sudo cleans it) of an ancestor; None where there is none."""
    pid = os.getpid()
    while pid > 1:
        value = _environment(pid).get('SSH_CONNECTION', '').split()
        if len(value) == 4:
            # from this very host: over loopback, which no firewall of ours filters
            if value[0] == value[2] or value[0].startswith('127.') or value[0] == '::1':
                return None
            return Connection(value[0].split('%')[0], int(value[3]), int(value[1]), value[2].split('%')[0])
        pid = _parent(pid)
    return None


def ports(connection: t.Optional[Connection]) -> t.List[int]:
    """Ports to keep open: that of CONNECTION and every port on which sshd listens, so that the answer is the same whichever way we came."""
    found = set(_sshd_ports())
    if connection:
        found.add(connection.port)
    return sorted(found)


def interface(address: str) -> str:
    """The network interface that has ADDRESS, "" where that cannot be told."""
    listing = (
        run(['ip', '-o', 'address', 'show', 'to', address], check=False).stdout if address and exists('ip') else ''
    )
    return listing.split()[1] if listing else ''


def admitted(admits: traffic.Reach, connection: Connection) -> bool:
    """Whether a new connection like CONNECTION would pass what a reach ADMITS."""
    family = traffic.family(connection.peer)
    return any(
        key[:4] == ('ingress', family, 'tcp', 'destination')
        and key[4] <= connection.port <= key[5]
        and traffic.contains(intervals, connection.peer)
        for key, intervals in admits.items()
    )


def _environment(pid: int) -> t.Dict[str, str]:
    try:
        with open(f'/proc/{pid}/environ', 'rb') as file:
            pairs = (item.partition(b'=') for item in file.read().split(b'\0'))
            return {key.decode('utf-8', 'replace'): value.decode('utf-8', 'replace') for key, _equals, value in pairs}
    except OSError:
        return {}


def _parent(pid: int) -> int:
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            return int(file.read().rpartition(')')[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _sshd_ports() -> t.Iterator[int]:
    listening = {found.inode: found.port for found in sockets.listening()}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as file:
                name = file.read().split('\0')[0]
            # "sshd: ... [listener]" or a path; "sshd: NAME" is a session, whose sockets are forwarded ports and no way in
            if not (name.startswith('sshd: ') and '[listener]' in name or os.path.basename(name) == 'sshd'):
                continue
            links = [os.readlink(f'/proc/{pid}/fd/{number}') for number in os.listdir(f'/proc/{pid}/fd')]
        except OSError:
            continue
        for link in links:
            match = re.fullmatch(r'socket:\[(\d+)\]', link)
            if match and match.group(1) in listening:
                yield listening[match.group(1)]
