# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocols that catalogs can name, with their numbers (https://www.iana.org/assignments/protocol-numbers)."""

from __future__ import annotations

NUMBERS = {'tcp': 6, 'udp': 17, 'sctp': 132, 'icmp': 1, 'icmpv6': 58, 'esp': 50, 'ah': 51, 'gre': 47, 'vrrp': 112}
# VRRP packets go to a group address, not to the address of a peer (RFC 9568, sections 5.1.1.2 and 5.1.2.2).
GROUP_ADDRESSES = {'vrrp': {'ipv4': '224.0.0.18/32', 'ipv6': 'ff02::12/128'}}
WITH_PORTS = ('tcp', 'udp', 'sctp')
# The one protocol that iptables, nftables and firewalld call by another name than catalogs do.
SYSTEM_NAMES = {'icmpv6': 'ipv6-icmp'}
_NAMES = {
    **{name: name for name in NUMBERS},
    **{str(number): name for name, number in NUMBERS.items()},
    **{system: name for name, system in SYSTEM_NAMES.items()},
}


def system_name(protocol: str) -> str:
    """The name of PROTOCOL in the configuration of a firewall."""
    return SYSTEM_NAMES.get(protocol, protocol)


def catalog_name(text: str) -> str:
    """The name in catalogs of a protocol given by name or number; TEXT itself if it is not one of them."""
    return _NAMES.get(text, text)
