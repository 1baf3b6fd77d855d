# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of Windows Firewall for a policy: the only place that makes them, for the host and for `rendered`."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ....module_utils._base.errors import PortmatrixError
from ....module_utils._model import policy as policies
from ....module_utils._model.directions import INGRESS
from ....module_utils._model.peers import ANY, Any, Members, Peers
from ....module_utils._model.protocols import number
from ....module_utils._model.traffic import TYPE
from ..._base import addresses

MARK = 'portmatrix'
MAX_ADDRESSES = 1000  # in one rule of Windows
_MAX_SOURCE = 2000  # characters
_MAX_FLOWS = 4000  # characters; Windows accepts descriptions of 10,000
_WITH_PORTS = ('tcp', 'udp')
_ALL_PROTOCOLS = 256  # in Windows
_WHOLE_FAMILIES = {'0.0.0.0/0', '::/0'}


class Rule(t.NamedTuple):
    """`ports` are those of the listener, as text, empty if the protocol has none."""

    name: str
    description: str
    direction: str
    protocol: str
    ports: tuple[str, ...]
    peers: Peers


def build(policy: policies.Policy) -> list[Rule]:
    """The rules for the flows of POLICY. Raises PortmatrixError if Windows cannot express one.

    A name ends with a digest of what the rule allows: it does not depend on the rules around it.
    """
    # a reply needs no rule: Windows applies the rules of the direction in which a connection was opened
    return [part for rule in policy.rules for part in _windows_rules(rule, policy)]


def management(policy: policies.Policy, ports: t.Iterable[int] = ()) -> list[Rule]:
    """The rules for management from the sources in POLICY, on PORTS. The host fills in ports that only it knows."""
    texts = tuple(str(port) for port in sorted(set(ports)))
    guard = policies.Rule(INGRESS, 'tcp', (), policies.GUARD, policy.management_sources, (policies.GUARD,))
    description = f'Flows: {policies.GUARD}. Source: management access'
    return [
        Rule(
            f'{MARK}/{policies.GUARD} in tcp{f" #{number}" if number > 1 else ""}',
            description,
            INGRESS,
            'tcp',
            texts,
            peers,
        )
        for number, peers in enumerate(_parts(guard), 1)
    ]


def _windows_rules(rule: policies.Rule, policy: policies.Policy) -> t.Iterator[Rule]:
    if rule.side == TYPE:
        raise PortmatrixError(
            f'{rule.flows[0]}: on Windows hosts, types of {rule.protocol} are not told apart, and a rule for all of '
            'them would allow too much; remove the flow for this host, or its icmp_types'
        )
    if rule.to:
        raise PortmatrixError(
            f'{rule.flows[0]}: on Windows hosts, there are no rules for what is sent to {", ".join(rule.to)} only, and '
            'one for all addresses would allow too much; remove the flow for this host'
        )
    if rule.ports and rule.protocol not in _WITH_PORTS:
        raise PortmatrixError(
            f'{rule.flows[0]}: Windows Firewall supports ports only for TCP and UDP, and {rule.protocol} without '
            'its ports would allow too much; remove the flow for this host, or use a tunnel for it'
        )
    if not rule.ports and rule.protocol in _WITH_PORTS:
        raise PortmatrixError(
            f'{rule.flows[0]}: a rule for {rule.protocol} has no ports, which would allow all of them'
        )
    direction = 'in' if rule.direction == INGRESS else 'out'
    ports = tuple(map(policies.ports_text, sorted(rule.ports)))
    for peers in _parts(rule):
        for flows in _chunks(rule.flows):
            allowed = [rule.direction, rule.protocol, ports, None if isinstance(peers, Any) else peers.addresses, flows]
            digest = hashlib.sha256(json.dumps(allowed).encode()).hexdigest()[:8]
            name = f'{MARK}/{flows[0]} {direction} {rule.protocol} {digest}'
            yield Rule(name, _description(flows, policy), rule.direction, rule.protocol, ports, peers)


def _parts(rule: policies.Rule) -> t.Iterator[Peers]:
    """The peers of RULE in parts that Windows accepts."""
    if isinstance(rule.peers, Any):
        yield ANY
        return
    families = (peers for _family, peers in policies.peers_by_family(rule) if isinstance(peers, Members))
    merged = addresses.merge(address for peers in families for address in peers.addresses)
    if set(merged) == _WHOLE_FAMILIES:
        yield ANY
        return
    for start in range(0, len(merged), MAX_ADDRESSES):
        yield Members(tuple(merged[start : start + MAX_ADDRESSES]))


def _chunks(flows: t.Sequence[str]) -> t.Iterator[tuple[str, ...]]:
    """FLOWS in parts whose names fit in a description."""
    chunk: list[str] = []
    for flow in flows:
        if chunk and len(', '.join([*chunk, flow])) > _MAX_FLOWS:
            yield tuple(chunk)
            chunk = []
        chunk.append(flow)
    yield tuple(chunk)


def _description(flows: t.Sequence[str], policy: policies.Policy) -> str:
    texts = [text for flow in flows for text in policy.citations.get(flow, ())]
    source = ''.join(map(_plain_character, '; '.join(dict.fromkeys(texts)))).strip()
    shortened = source[:_MAX_SOURCE] + ('...' if len(source) > _MAX_SOURCE else '')
    return f'Flows: {", ".join(flows)}. Source: {shortened}'


def protocol_number(protocol: str) -> int:
    """As Windows counts them."""
    known = number(protocol)
    return _ALL_PROTOCOLS if known is None else known


def flows_in(description: str) -> tuple[str, ...]:
    """The flows that the DESCRIPTION of a rule names; none if it was not written here."""
    start, end = 'Flows: ', '. Source: '
    if not description.startswith(start) or end not in description:
        return ()
    return tuple(description[len(start) : description.index(end)].split(', '))


def _plain_character(letter: str) -> str:
    """Without what ends a field in the firewall's own format."""
    return '/' if letter == '|' else letter if letter >= ' ' else ' '
