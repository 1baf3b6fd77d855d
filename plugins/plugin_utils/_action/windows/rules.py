# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of Windows Firewall for a policy, for `rendered`. On the host, the C# of windows_policy does the same.

Both are tested with the same cases, in tests/windows/cases.
"""

from __future__ import annotations

import typing as t

from ....module_utils._base.errors import PortmatrixError
from ....module_utils._model import policy as policies
from ....module_utils._model.directions import INGRESS
from ....module_utils._model.peers import ANY, Any, Members, Peers
from ..._base import addresses

MARK = 'portmatrix'
MAX_ADDRESSES = 1000  # in one rule of Windows
_MAX_SOURCE = 2000  # characters
_WITH_PORTS = ('tcp', 'udp')


class Rule(t.NamedTuple):
    """`ports` are those of the listener, as text, empty if the protocol has none."""

    name: str
    description: str
    direction: str
    protocol: str
    ports: tuple[str, ...]
    peers: Peers


def build(policy: policies.Policy, ports: t.Iterable[int]) -> list[Rule]:
    """The rules of POLICY, the guard for the management PORTS first. Raises PortmatrixError if Windows cannot express
    one."""
    rules: list[Rule] = []
    used: dict[str, int] = {}
    # a reply needs no rule: Windows applies the rules of the direction in which a connection was opened
    guard = policies.guard(policy, ports)
    for rule in (*guard, *policy.rules):
        if rule.ports and rule.protocol not in _WITH_PORTS:
            raise PortmatrixError(
                f'{rule.flows[0]}: Windows Firewall supports ports only for TCP and UDP, and {rule.protocol} without '
                'its ports would allow too much; remove the flow for this host, or use a tunnel for it'
            )
        direction = 'in' if rule.direction == INGRESS else 'out'
        for peers in _parts(rule):
            title = f'{MARK}/{rule.flows[0]} {direction} {rule.protocol}'
            number = used[title.lower()] = used.get(title.lower(), 0) + 1
            name = title if number == 1 else f'{title} #{number}'
            texts = tuple(map(policies.ports_text, rule.ports))
            rules.append(Rule(name, _description(rule, policy), rule.direction, rule.protocol, texts, peers))
    return rules


def _parts(rule: policies.Rule) -> t.Iterator[Peers]:
    """The peers of RULE in parts that Windows accepts."""
    if isinstance(rule.peers, Any):
        yield ANY
        return
    families = (peers for _family, peers in policies.peers_by_family(rule) if isinstance(peers, Members))
    merged = addresses.merge(address for peers in families for address in peers.addresses)
    for start in range(0, len(merged), MAX_ADDRESSES):
        yield Members(tuple(merged[start : start + MAX_ADDRESSES]))


def _description(rule: policies.Rule, policy: policies.Policy) -> str:
    texts: list[str] = []
    for flow in rule.flows:
        texts.extend(['management access'] if flow == policies.GUARD else policy.citations.get(flow, ()))
    source = ''.join(map(_plain_character, '; '.join(dict.fromkeys(texts)))).strip()
    shortened = source[:_MAX_SOURCE] + ('...' if len(source) > _MAX_SOURCE else '')
    return f'Flows: {", ".join(rule.flows)}. Source: {shortened}'


def _plain_character(letter: str) -> str:
    """Without what ends a field in the firewall's own format."""
    return '/' if letter == '|' else letter if letter >= ' ' else ' '
