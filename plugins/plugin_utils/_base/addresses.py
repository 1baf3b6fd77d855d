# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of peers: strict parsing, exact merging, canonical text.

A canonical address is a CIDR as text ("198.51.100.10/32", "2001:db8::/64"); a canonical list is merged exactly (never
widened), without duplicates, IPv4 before IPv6, each in numeric order.
"""

from __future__ import annotations

import re
import socket
import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.peers import ANY, Members, Peers
from .libraries import netaddr

# (name, its place in errors) -> canonical CIDRs
Resolve = t.Callable[[str, str], list[str]]
_NAME = re.compile(r'(?=.*[A-Za-z])[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?')
# network -> why it cannot be a peer
_NEVER_A_PEER = {
    '0.0.0.0/8': 'is not the address of a host',
    '127.0.0.0/8': 'is a loopback address',
    '224.0.0.0/4': 'is a multicast address',
    '240.0.0.0/4': 'is reserved',
    '::/128': 'is not the address of a host',
    '::1/128': 'is a loopback address',
    'ff00::/8': 'is a multicast address',
    '::ffff:0:0/96': 'is an IPv4 address in IPv6 notation; write it as IPv4',
}


def parse_peers(members: t.Any, where: str, resolve: Resolve | None = None) -> Peers:
    """Peers of a list of addresses, CIDRs and ranges, or ANY if it contains "any". A single text is a list of one. With
    RESOLVE, names may be among them.

    WHERE names the place in the PortmatrixError that anything else raises.
    """
    members = [members] if isinstance(members, str) else members
    if not isinstance(members, list):
        raise PortmatrixError(
            f'{where}: must be a list of addresses, CIDRs or ranges, or any, got {members!r}; an empty list declares '
            'that no host has this component'
        )
    if ANY.value in members:
        return ANY
    return Members(tuple(merge(cidr for text in members for cidr in parse_or_resolve(text, where, resolve))))


def parse_or_resolve(text: str, where: str, resolve: Resolve | None) -> list[str]:
    """Canonical CIDRs of an address, CIDR or range, or what RESOLVE makes of a name."""
    text = str(text).strip()
    if text.lower() == ANY.value:
        raise PortmatrixError(f'{where}: {text!r} is no name; write {ANY.value} in lower case, in a list of peers')
    return resolve(text, where) if resolve and is_name(text) else parse_peer(text, where)


def parse_peer(text: str, where: str) -> list[str]:
    """Canonical CIDRs of one address, CIDR or range ("198.51.100.1-198.51.100.9").

    WHERE names the place in the PortmatrixError that anything else raises.
    """
    text = str(text).strip()
    if '%' in text:
        raise PortmatrixError(
            f'{where}: {text!r} has a zone index, which means something on one host only; write an address at which '
            'other hosts reach it'
        )
    networks = _parse_range(text, where) if '-' in text else [_parse_network(text, where)]
    for network in networks:
        _refuse_special(network, text, where)
    return [str(network) for network in networks]


def parse_group(text: str, where: str) -> str:
    """One multicast or broadcast address. The broadcast address of a network cannot be told from one of a host, so that
    every address of IPv4 is accepted."""
    text = str(text).strip()
    if not is_address(text):
        raise PortmatrixError(f'{where}: {text!r} is not an address; write for example 239.1.2.3 or ff02::1:3')
    network = netaddr.IPNetwork(text)
    if network.version == 6 and not network.ip.is_multicast():
        raise PortmatrixError(f'{where}: {text!r} is no multicast address; IPv6 has no others that reach a group')
    is_reserved = network.version == 4 and network.ip in netaddr.IPNetwork('240.0.0.0/4')
    if network.ip.is_loopback() or (is_reserved and str(network.ip) != '255.255.255.255') or int(network.ip) == 0:
        raise PortmatrixError(f'{where}: {text!r} reaches no group of hosts; write a multicast or broadcast address')
    return str(network.ip)


def is_address(text: str) -> bool:
    """Whether TEXT is one IPv4 or IPv6 address in full notation."""
    return netaddr.valid_ipv4(text, netaddr.INET_PTON) or netaddr.valid_ipv6(text)


def is_name(text: str) -> bool:
    """Whether TEXT can be the name of a host, and cannot be an address with a mistake in it."""
    return len(text) <= 253 and bool(_NAME.fullmatch(text)) and not text.rpartition('.')[2].isdigit()


def is_number(text: str) -> bool:
    """Whether the C library reads TEXT as an address in another notation ("10.1", "0x7f000001", "2130706433")."""
    try:
        socket.inet_aton(text)
    except (OSError, UnicodeError, ValueError):
        return False
    return True


def ordered(cidrs: t.Iterable[str]) -> list[str]:
    """Without duplicates, IPv4 before IPv6, in numeric order, not merged."""
    return [str(network) for network in sorted({netaddr.IPNetwork(cidr) for cidr in cidrs})]


def merge(cidrs: t.Iterable[str]) -> list[str]:
    """The same addresses in the fewest CIDRs, sorted."""
    unique = set(cidrs)
    if len(unique) < 2:
        return sorted(unique)
    return [str(network) for network in netaddr.cidr_merge([netaddr.IPNetwork(cidr) for cidr in unique])]


def overlap(cidrs: t.Iterable[str], others: t.Iterable[str]) -> bool:
    """Whether any address is in both."""
    return bool(netaddr.IPSet(cidrs) & netaddr.IPSet(others))


def _parse_network(text: str, where: str) -> netaddr.IPNetwork:
    address, slash, prefix = text.partition('/')
    if not is_address(address) or (slash and not (prefix.isascii() and prefix.isdigit())):
        raise PortmatrixError(
            f'{where}: {text!r} is not an address, CIDR or range; write for example 198.51.100.10, 198.51.100.0/24 or '
            '2001:db8::10'
        )
    try:
        network = netaddr.IPNetwork(text)
    except (netaddr.AddrFormatError, ValueError) as error:
        raise PortmatrixError(
            f'{where}: {text!r} is not a valid CIDR ({error}); write for example 198.51.100.0/24'
        ) from error
    if network.ip != network.network:
        raise PortmatrixError(
            f'{where}: {text!r} is ambiguous; write {network.ip} for the address, or {network.cidr} for the network'
        )
    return network


def _parse_range(text: str, where: str) -> list[netaddr.IPNetwork]:
    first, last = (part.strip() for part in text.split('-', 1))
    if not (is_address(first) and is_address(last)):
        raise PortmatrixError(
            f'{where}: {text!r} is not a range of addresses; write for example 198.51.100.10-198.51.100.19'
        )
    if (':' in first) != (':' in last):
        raise PortmatrixError(f'{where}: the range {text!r} mixes IPv4 and IPv6; write one range for each')
    low, high = netaddr.IPAddress(first), netaddr.IPAddress(last)
    if low > high:
        raise PortmatrixError(f'{where}: the range {text!r} is reversed; write {last}-{first}')
    return netaddr.iprange_to_cidrs(low, high)


def _refuse_special(network: netaddr.IPNetwork, text: str, where: str) -> None:
    if network.prefixlen == 0:
        raise PortmatrixError(f'{where}: {text!r} is every address; write the word any if that is intended')
    for special, reason in _NEVER_A_PEER.items():
        other = netaddr.IPNetwork(special)
        if network in other or other in network:
            problem = reason if network in other else f'contains {special}, which {reason}'
            raise PortmatrixError(f'{where}: {text!r} {problem}; set the address at which other hosts reach the peer')
