# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges of this host that only containers and guests on it are attached to (podman, Docker, libvirt, LXC).

What they ask of the host (names, addresses) arrives over the network, so a firewall denies it unless it is documented.
"""

from __future__ import annotations

import os
import re
import typing as t

from .._base.commands import exists, run
from .._model import policy as policies, traffic
from .._model.directions import EGRESS, INGRESS
from .._model.peers import Members
from .._model.policy import Policy, Rule
from .._model.report import shorten
from . import sockets

_INTERFACES = '/sys/class/net'
_ADDRESS = re.compile(r'(?m)^\d+: (\S+)\s+inet6? (\S+/\d+)')
_FLOW = f'{policies.BASELINE}/local-bridges'
_DNS, _DHCP = 53, 67
# a guest that has no address yet
_NO_ADDRESS = '0.0.0.0/32'
MAX_NAMES = 5


class Bridge(t.NamedTuple):
    """`networks`: as CIDRs, without link-local ones."""

    name: str
    networks: t.Tuple[str, ...]


def local() -> t.List[Bridge]:
    """The bridges that no network card is attached to."""
    names = sorted(name for name in os.listdir(_INTERFACES) if _is_local(os.path.join(_INTERFACES, name)))
    text = run(['ip', '-o', 'address', 'show'], check=False).stdout if names and exists('ip') else ''
    return parse(names, text)


def parse(names: t.Sequence[str], text: str) -> t.List[Bridge]:
    """Those of NAMES with networks, from what `ip -o address` prints as TEXT."""
    networks: t.Dict[str, t.List[str]] = {}
    for name, address in _ADDRESS.findall(text):
        if name in names and not address.startswith('fe80:'):
            networks.setdefault(name, []).append(_network(address))
    return [Bridge(name, tuple(networks[name])) for name in names if name in networks]


def _is_local(folder: str) -> bool:
    ports = os.path.join(folder, 'brif')
    if not os.path.isdir(ports):
        return False
    return not any(os.path.exists(os.path.join(ports, port, '..', 'device')) for port in os.listdir(ports))


def _network(address: str) -> str:
    first, _last = traffic.interval(address)
    return f'{traffic.address_text(first, traffic.family(address))}/{address.partition("/")[2]}'


def admitted(policy: Policy) -> Policy:
    """POLICY with what the bridges of this host need, if it asks for that."""
    found = local() if policy.local_bridges else []
    return policy._replace(rules=(*policy.rules, *rules(found, _served()))) if found else policy


def rules(bridges: t.Iterable[Bridge], served: t.Container[int]) -> t.List[Rule]:
    """DNS and DHCP of the host for what is on BRIDGES, as far as they are SERVED, and the way of the host to it."""
    networks = tuple(network for bridge in bridges for network in bridge.networks)
    ipv4 = traffic.members_of('ipv4', networks)
    label, flows = 'local bridges', (_FLOW,)
    found = [
        Rule(EGRESS, protocol, ((1, 65535),) if ports else (), label, Members(members), flows)
        for protocol, ports, members in (
            ('tcp', True, networks),
            ('udp', True, networks),
            ('icmp', False, ipv4),
            ('icmpv6', False, traffic.members_of('ipv6', networks)),
        )
        if members
    ]
    if _DNS in served:
        found += [Rule(INGRESS, name, ((_DNS, _DNS),), label, Members(networks), flows) for name in ('tcp', 'udp')]
    if _DHCP in served and ipv4:
        peers = Members((_NO_ADDRESS, *ipv4))
        found.append(Rule(INGRESS, 'udp', ((_DHCP, _DHCP),), f'{label} (DHCP)', peers, flows))
    return found


def warnings(policy: Policy) -> t.Tuple[str, ...]:
    """What on bridges of this host will miss it, where POLICY does not admit it."""
    bridges = [] if policy.local_bridges else local()
    served = _served() if bridges else set()
    names = {_DNS: 'DNS', _DHCP: 'DHCP'}
    cut = [f'reach its {names[port]}' for port in sorted(served & names.keys())]
    cut += ['be reached by it'] if policy.egress == 'deny' else []
    if not bridges or not cut:
        return ()
    return (
        f'containers and guests on bridges of this host ({shorten([bridge.name for bridge in bridges], MAX_NAMES)}) '
        f'cannot {" and cannot ".join(cut)}, unless a flow documents it; set portmatrix_local_bridges: true to admit '
        'that',
    )


def _served() -> t.Set[int]:
    """The ports on which programs of this host receive UDP."""
    return {receiver.port for receiver in sockets.receiving_udp()}
