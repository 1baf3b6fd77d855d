# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of hosts in ufw's files, which iptables resolves when it loads them.

A network namespace has no network, so for a trial they are resolved before, and handed over in a file like /etc/hosts.
"""

from __future__ import annotations

import socket
import typing as t

from ..._kernel import iptables_options
from ..._kernel.rules import Unknown
from ..._model import traffic


def find(text: str) -> t.List[str]:
    """The names in TEXT, lines of iptables."""
    names: t.Dict[str, None] = {}
    for line in text.splitlines():
        try:
            options = iptables_options.parse(line).options if line.startswith('-') else ()
        except Unknown:
            continue
        for option in options:
            values = option.values[0].split(',') if option.name in ('-s', '-d') and option.values else []
            names.update((name, None) for name in (value.partition('/')[0] for value in values) if _is_name(name))
    return list(names)


def hosts_file(names: t.Iterable[str], family: str) -> str:
    """The addresses of NAMES in FAMILY as /etc/hosts has them; a name that does not resolve is left out."""
    lines: t.List[str] = []
    for name in names:
        try:
            found = socket.getaddrinfo(name, None, traffic.FAMILIES[family][0], socket.SOCK_STREAM)
        except OSError:
            continue
        lines.extend(dict.fromkeys(f'{address[0]} {name}\n' for *_rest, address in found))
    return ''.join(lines)


def _is_name(text: str) -> bool:
    try:
        traffic.interval(text)
    except (ValueError, OSError):
        return bool(text)
    return False
