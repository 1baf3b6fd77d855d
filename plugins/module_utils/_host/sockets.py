# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of this host, read from /proc: which ports listen, and which TCP connections are established."""

from __future__ import annotations

import socket
import sys
import typing as t

_LISTEN, _ESTABLISHED, _UNCONNECTED = '0A', '01', '07'
_EPHEMERAL = '/proc/sys/net/ipv4/ip_local_port_range'


class Socket(t.NamedTuple):
    """`inode` identifies it; `peer` and `peer_port` are zero for a socket that listens."""

    local: str
    port: int
    peer: str
    peer_port: int
    inode: str


def listening() -> t.List[Socket]:
    """Sockets that other hosts can connect to; those on loopback are left out."""
    return [listener for listener in _sockets(_LISTEN) if not is_loopback(listener.local)]


def receiving_udp() -> t.List[Socket]:
    """The UDP sockets that other hosts can send to, but not those of clients, by their ports."""
    try:
        with open(_EPHEMERAL, encoding='ascii') as file:
            first, last = map(int, file.read().split())
    except (OSError, ValueError):
        return []
    found = _sockets(_UNCONNECTED, 'udp')
    return [entry for entry in found if not is_loopback(entry.local) and not first <= entry.port <= last]


def established() -> t.List[Socket]:
    """Connections with other hosts."""
    return [
        connection
        for connection in _sockets(_ESTABLISHED)
        if not is_loopback(connection.peer) and connection.peer != connection.local
    ]


def is_loopback(address: str) -> bool:
    return address.startswith('127.') or address == '::1'


def _sockets(state: str, protocol: str = 'tcp') -> t.Iterator[Socket]:
    for table in (protocol, f'{protocol}6'):
        try:
            with open(f'/proc/net/{table}', encoding='ascii') as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for row in rows:
            if row[3] == state:
                yield Socket(*_end(row[1]), *_end(row[2]), row[9])


def _end(text: str) -> t.Tuple[str, int]:
    """Address and port of "0100007F:0016"; the kernel prints an address as 32-bit words in the machine's byte order."""
    digits, port = text.split(':')
    words = [digits[start : start + 8] for start in range(0, len(digits), 8)]
    raw = b''.join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    if len(raw) == 16 and raw.startswith(bytes(10) + b'\xff\xff'):
        raw = raw[12:]
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw), int(port, 16)
