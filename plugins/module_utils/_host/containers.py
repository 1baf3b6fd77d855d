# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else decides on this host what comes in: named in warnings where their traffic does not pass through any policy of ours, or is not kept in bounds."""

from __future__ import annotations

import os
import re
import typing as t

from .._base.commands import exists, run

_BRIDGES = re.compile(r'docker\d+|br-[0-9a-f]{12}|podman\d+|cni\S*')
_PUBLISHED = re.compile(r'(?m)^-A (?:DOCKER|NETAVARK-DN-\S+|CNI-DN-\S+) .*-p (\w+) .*--dport (\d+).* -j DNAT')
# Docker's chain that keeps its networks apart, where it has one: a rule of it names each bridge
_ISOLATION = re.compile(r'(?m)^(?::DOCKER-ISOLATION-STAGE-1 |-A DOCKER-ISOLATION-STAGE-1 .*-[io] (\S+))')
MOST = 10


def warnings() -> t.Tuple[str, ...]:
    """Ports that containers publish, which are forwarded before any rule for the host is asked; networks of containers that nothing keeps apart."""
    bridges = sorted(name for name in os.listdir('/sys/class/net') if _BRIDGES.fullmatch(name))
    if not bridges:
        return ()
    families = [run([tool], check=False).stdout for tool in ('iptables-save', 'ip6tables-save') if exists(tool)]
    return (*_published(''.join(families)), *_mixed(families, bridges))


def _mixed(families: t.List[str], bridges: t.List[str]) -> t.Tuple[str, ...]:
    mixed: t.Set[str] = set()
    for rules in families:
        apart = _ISOLATION.findall(rules)
        mixed.update(
            name for name in bridges if apart and name not in apart and re.search(rf'(?m)^-A .*-[io] {name} ', rules)
        )
    if not mixed:
        return ()
    return (
        f"nothing keeps Docker's {_listed(sorted(mixed))} apart from its other networks: Docker before 28.0 loses those rules when firewalld reloads "
        '(CVE-2025-54410); restart docker, and upgrade it',
    )


def _listed(names: t.List[str]) -> str:
    return ', '.join(names[:MOST]) + (f' and {len(names) - MOST} more' if len(names) > MOST else '')


def _published(rules: str) -> t.Tuple[str, ...]:
    ports = [
        f'{port}/{protocol}'
        for port, protocol in sorted({(int(port), protocol) for protocol, port in _PUBLISHED.findall(rules)})
    ]
    if not ports:
        return ()
    return (
        f'containers publish {_listed(ports)}: that traffic is forwarded and bypasses the policy of the host; publish on 127.0.0.1, or limit it where it is '
        'forwarded',
    )
