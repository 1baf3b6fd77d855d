# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocols that catalogs can name, with their numbers (https://www.iana.org/assignments/protocol-numbers). Any
other is named by its number, as text."""

from __future__ import annotations

import socket
import typing as t

ALL = 'any'
NUMBERS = {
    'tcp': 6,
    'udp': 17,
    'sctp': 132,
    'icmp': 1,
    'icmpv6': 58,
    'esp': 50,
    'ah': 51,
    'gre': 47,
    'vrrp': 112,
    'igmp': 2,
    'ipip': 4,
    'ospf': 89,
    'pim': 103,
}
LAST = 254  # 255 is reserved
# What stands in their place is no protocol for a firewall, which skips extension headers (RFC 8200, section 4).
EXTENSION_HEADERS = (0, 43, 44, 59, 60)
# VRRP packets go to a group address, not to the address of a peer (RFC 9568, sections 5.1.1.2 and 5.1.2.2).
GROUP_ADDRESSES = {'vrrp': {'ipv4': '224.0.0.18/32', 'ipv6': 'ff02::12/128'}}
WITH_PORTS = ('tcp', 'udp', 'sctp')
WITH_TYPES = ('icmp', 'icmpv6')
# What iptables, nftables and firewalld call by another name than catalogs do. The name "ipip" is protocol 94 for them,
# and not every system knows the names of the others.
SYSTEM_NAMES = {'icmpv6': 'ipv6-icmp', 'ipip': '4', 'ospf': '89', 'pim': '103'}
_NAMES = {
    **{str(number): name for name, number in NUMBERS.items()},
    **{name: name for name in NUMBERS if name != 'ipip'},
    **{system: name for name, system in SYSTEM_NAMES.items()},
}


def number(protocol: str) -> t.Optional[int]:
    """The number of PROTOCOL, a name in catalogs or a number as text; None for "any"."""
    return None if protocol == ALL else NUMBERS[protocol] if protocol in NUMBERS else int(protocol)


def system_name(protocol: str) -> str:
    """The name of PROTOCOL in the configuration of a firewall."""
    return SYSTEM_NAMES.get(protocol, protocol)


def catalog_name(text: str) -> str:
    """The name in catalogs of a protocol that this system, or a firewall on it, calls TEXT (a name or a number); TEXT
    itself if it is not known."""
    if text not in _NAMES and not text.isdigit() and text != ALL:
        try:
            text = str(socket.getprotobyname(text))
        except OSError:
            return text
    return _NAMES.get(text, text)
