# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of nftables by the kernel's own interface: for hosts without the program nft, which could list them."""

from __future__ import annotations

import socket
import struct
import typing as t

_NETFILTER = 12  # linux/netlink.h
_GET_TABLE, _NEW_TABLE = 10 << 8 | 1, 10 << 8 | 0  # linux/netfilter/nf_tables.h
_ERROR, _DONE = 2, 3
_REQUEST_DUMP = 1 | 0x300
_NAME = 1  # attribute
_HEADER = struct.Struct('=IHHII')  # length, type, flags, sequence, port
_FAMILIES = {1: 'inet', 2: 'ip', 5: 'netdev', 10: 'ip6'}
_SECONDS = 5


def tables() -> t.List[t.Tuple[str, str]]:
    """(family, name) of the tables that may see packets of this host. Raises OSError if the kernel does not say."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETFILTER) as channel:
        channel.settimeout(_SECONDS)
        body = struct.pack('=BBH', 0, 0, 0)
        channel.send(_HEADER.pack(_HEADER.size + len(body), _GET_TABLE, _REQUEST_DUMP, 1, 0) + body)
        found: t.List[t.Tuple[str, str]] = []
        while True:
            for kind, message in _messages(channel.recv(1 << 17)):
                if kind == _DONE:
                    return found
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from('=i', message)[0], 'nftables')
                if kind == _NEW_TABLE and message[0] in _FAMILIES:
                    found.append((_FAMILIES[message[0]], _name(message[4:])))


def _messages(data: bytes) -> t.Iterator[t.Tuple[int, bytes]]:
    while len(data) >= _HEADER.size:
        length, kind, _flags, _sequence, _port = _HEADER.unpack_from(data)
        yield kind, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def _name(attributes: bytes) -> str:
    while len(attributes) >= 4:
        length, kind = struct.unpack_from('=HH', attributes)
        if kind & 0x3FFF == _NAME:
            return attributes[4:length].rstrip(b'\0').decode('utf-8', 'surrogateescape')
        attributes = attributes[(length + 3) & ~3 :]
    return ''
