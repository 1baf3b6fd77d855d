# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of this host's interfaces, as the kernel has them."""

from __future__ import annotations

import ipaddress
import re
import typing as t

_IPV4, _IPV6 = '/proc/net/fib_trie', '/proc/net/if_inet6'
_LOCAL = re.compile(r'\|-- (\d+\.\d+\.\d+\.\d+)\n\s+/32 host LOCAL')


def addresses() -> t.List[str]:
    """IPv4 and IPv6 addresses as text, without loopback and link-local ones. Nothing of a family that the kernel has
    not."""
    found = [ipaddress.ip_address(text) for text in _LOCAL.findall(_read(_IPV4))]
    found += [ipaddress.IPv6Address(int(line.split()[0], 16)) for line in _read(_IPV6).splitlines()]
    usable = {address for address in found if not (address.is_loopback or address.is_link_local)}
    return [str(address) for address in sorted(usable, key=lambda address: (address.version, int(address)))]


def _read(path: str) -> str:
    try:
        with open(path, encoding='ascii') as file:
            return file.read()
    except OSError:
        return ''
