# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Management access: the connection that this run uses and the ports of SSH servers, as observed on the host."""

from __future__ import annotations

import os
import re
import typing as t

from .._base import processes
from .._base.commands import exists, run
from .._model.connection import Connection
from .._model.directions import INGRESS
from . import sockets, ssh_sockets

SSH_SERVERS = ('sshd', 'dropbear')


def current_connection() -> t.Optional[Connection]:
    """The SSH connection of this run, or None if there is none.

    One from this host itself uses loopback, which is never filtered, and is none; see `is_carried`.
    """
    connection = _claimed_connection()
    return connection if connection and not _is_from_here(connection) and _exists(connection) else None


def is_carried() -> bool:
    """Whether the SSH connection of this run comes from this host itself: a tunnel or an agent carries it."""
    connection = _claimed_connection()
    return bool(connection and _is_from_here(connection))


def _claimed_connection() -> t.Optional[Connection]:
    """What the environment of this process says, or (sudo cleans it) that of an ancestor."""
    pid = os.getpid()
    while pid > 1:
        fields = processes.environment(pid).get('SSH_CONNECTION', '').split()
        if len(fields) == 4:
            peer, peer_port, local, port = fields
            return Connection(INGRESS, peer.split('%')[0], int(port), local.split('%')[0], int(peer_port))
        pid = processes.parent(pid)
    return None


def _is_from_here(connection: Connection) -> bool:
    return connection.peer == connection.local or sockets.is_loopback(connection.peer)


def _exists(connection: Connection) -> bool:
    """Whether this host has CONNECTION: an environment can say anything."""
    end = (connection.local, connection.port, connection.peer, connection.other_port)
    return any(entry[:4] == end for entry in sockets.established())


def ports(connection: t.Optional[Connection]) -> t.List[int]:
    """The ports to keep open: that of CONNECTION, and every port of an SSH server, started or not.

    So the answer is the same whichever of them this run uses.
    """
    return sorted({*_ssh_ports(), *((connection.port,) if connection else ())})


def interface(address: str) -> str:
    """The network interface that has ADDRESS, "" if it is not known."""
    if not address or not exists('ip'):
        return ''
    fields = run(['ip', '-o', 'address', 'show', 'to', address], check=False).stdout.split()
    # an address of the service on lo (anycast): the packets arrive elsewhere
    return fields[1] if fields and fields[1] != 'lo' else ''


def _ssh_ports() -> t.Iterator[int]:
    listening = {listener.inode: listener.port for listener in sockets.listening()}
    for pid in processes.process_ids():
        if pid != 1 and is_ssh_server(pid):
            yield from _ports_of(pid, listening)
    of_systemd = set(_ports_of(1, listening))
    if of_systemd:
        yield from ssh_sockets.ports(of_systemd, SSH_SERVERS)


def _ports_of(pid: int, listening: t.Dict[str, int]) -> t.Iterator[int]:
    """The ports among LISTENING (inode -> port) that the process PID holds."""
    for target in processes.open_files(pid):
        match = re.fullmatch(r'socket:\[(\d+)\]', target)
        if match and match.group(1) in listening:
            yield listening[match.group(1)]


def is_ssh_server(pid: int) -> bool:
    """By its program and its user: any user can give a process any name."""
    if processes.user(pid) != 0 or os.path.basename(processes.executable(pid)) not in SSH_SERVERS:
        return False
    # "sshd: NAME" is a session: its sockets are forwarded ports, which give no access to the host
    name = processes.command_line(pid)[0]
    return not name.startswith('sshd: ') or '[listener]' in name
