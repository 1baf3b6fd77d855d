# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container engines on this host: what they open beside the policy, and which of their networks are not isolated."""

from __future__ import annotations

import os
import re
import typing as t

from .._kernel import saved_rules
from .._model.report import shorten

_BRIDGES = re.compile(r'docker\d+|br-[0-9a-f]{12}|podman\d+|cni\S*')
_PUBLISHED = re.compile(r'(?m)^-A (?:DOCKER|NETAVARK-DN-\S+|CNI-DN-\S+) .*-p (\w+) .*--dport (\d+).* -j DNAT')
# the chain in which Docker isolates its networks, if it has one: a rule in it names each bridge
_ISOLATION = re.compile(r'(?m)^(?::DOCKER-ISOLATION-STAGE-1 |-A DOCKER-ISOLATION-STAGE-1 .*-[io] (\S+))')
MAX_NAMES = 10


def warnings() -> t.Tuple[str, ...]:
    """Published ports, which are forwarded before any rule of the host, and networks that are not isolated."""
    bridges = sorted(name for name in os.listdir('/sys/class/net') if _BRIDGES.fullmatch(name))
    if not bridges:
        return ()
    rules = list(saved_rules.read(check=False).values())
    return (*_published_ports(''.join(rules)), *_networks_without_isolation(rules, bridges))


def _published_ports(rules: str) -> t.Tuple[str, ...]:
    services = sorted({(int(port), protocol) for protocol, port in _PUBLISHED.findall(rules)})
    if not services:
        return ()
    ports = shorten([f'{port}/{protocol}' for port, protocol in services], MAX_NAMES)
    return (
        f'containers publish {ports}: this traffic is forwarded and bypasses the policy of the host; publish on '
        '127.0.0.1, or restrict it where it is forwarded',
    )


def _networks_without_isolation(families: t.Iterable[str], bridges: t.Iterable[str]) -> t.Tuple[str, ...]:
    open_bridges: t.Set[str] = set()
    for rules in families:
        isolated = _ISOLATION.findall(rules)
        open_bridges.update(
            name
            for name in bridges
            if isolated and name not in isolated and re.search(rf'(?m)^-A .*-[io] {re.escape(name)} ', rules)
        )
    if not open_bridges:
        return ()
    return (
        f'the Docker network {shorten(sorted(open_bridges), MAX_NAMES)} is not isolated from the other networks: '
        'Docker before 28.0 loses those rules when firewalld reloads (CVE-2025-54410); restart docker, and upgrade it',
    )
