# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else decides on this host what comes in: named in warnings where their traffic does not pass through any policy of ours, or is not kept in bounds."""

from __future__ import annotations

import os
import re
import typing as t

from .commands import exists, run

_BRIDGES = re.compile(r'docker\d+|br-[0-9a-f]{12}|podman\d+|cni\S*')
_PUBLISHED = re.compile(r'(?m)^-A (?:DOCKER|NETAVARK-DN-\S+|CNI-DN-\S+) .*-p (\w+) .*--dport (\d+).* -j DNAT')
# the chain of Docker that keeps its networks apart, where it has one, and how
_ISOLATION, _ISOLATES = ':DOCKER-ISOLATION-STAGE-1 ', '-j DOCKER-ISOLATION-STAGE-2'
MOST = 10


def warnings() -> t.Tuple[str, ...]:
    """Ports that containers publish, which are forwarded before any rule for the host is asked; networks of containers that nothing keeps apart."""
    if not any(_BRIDGES.fullmatch(name) for name in os.listdir('/sys/class/net')):
        return ()
    rules = ''.join(run([tool], check=False).stdout for tool in ('iptables-save', 'ip6tables-save') if exists(tool))
    return (*_published(rules), *_mixed(rules))


def _mixed(rules: str) -> t.Tuple[str, ...]:
    if _ISOLATION not in rules or _ISOLATES in rules:
        return ()
    return (
        "nothing keeps the networks of Docker's containers apart: Docker before 28.0 loses those rules when firewalld reloads (CVE-2025-54410); "
        'restart docker, and upgrade it',
    )


def _published(rules: str) -> t.Tuple[str, ...]:
    ports = sorted({(int(port), protocol) for protocol, port in _PUBLISHED.findall(rules)})
    if not ports:
        return ()
    shown = ', '.join(f'{port}/{protocol}' for port, protocol in ports[:MOST]) + (f' and {len(ports) - MOST} more' if len(ports) > MOST else '')
    return (
        f'containers publish {shown}: that traffic is forwarded and bypasses the policy of the host; publish on 127.0.0.1, or limit it where it is forwarded',
    )
