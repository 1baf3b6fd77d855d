# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else decides on this host what comes in: named in warnings where their traffic does not pass through any policy of ours."""

from __future__ import annotations

import os
import re
import typing as t

from .commands import exists, run

_BRIDGES = re.compile(r'docker\d+|br-[0-9a-f]{12}|podman\d+|cni\S*')
_PUBLISHED = re.compile(r'(?m)^-A (?:DOCKER|NETAVARK-DN-\S+|CNI-DN-\S+) .*-p (\w+) .*--dport (\d+).* -j DNAT')
MOST = 10


def warnings() -> t.Tuple[str, ...]:
    """Ports that containers publish: they are forwarded before any rule for the host is asked."""
    if not any(_BRIDGES.fullmatch(name) for name in os.listdir('/sys/class/net')) or not exists('iptables-save'):
        return ()
    rules = ''.join(run([tool, '-t', 'nat'], check=False).stdout for tool in ('iptables-save', 'ip6tables-save') if exists(tool))
    ports = sorted({(int(port), protocol) for protocol, port in _PUBLISHED.findall(rules)})
    if not ports:
        return ()
    shown = ', '.join(f'{port}/{protocol}' for port, protocol in ports[:MOST]) + (f' and {len(ports) - MOST} more' if len(ports) > MOST else '')
    return (
        f'containers publish {shown}: that traffic is forwarded and bypasses the policy of the host; publish on 127.0.0.1, or limit it where it is forwarded',
    )
