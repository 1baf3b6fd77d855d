# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of Windows Firewall that say what a policy says, for `rendered`; windows/Policies.cs does the same on the host.

Both answer the test vectors in tests/windows/cases.
"""

from __future__ import annotations

import typing as t

from ....module_utils._base.errors import PortmatrixError
from ....module_utils._model import policy as policies
from ..._base import addresses

MARK = 'portmatrix'
MOST_ADDRESSES = 1000  # Windows refuses rules with more
_MOST_SOURCE = 2000
# IANA numbers, https://www.iana.org/assignments/protocol-numbers
PROTOCOLS = {'tcp': 6, 'udp': 17, 'sctp': 132, 'icmp': 1, 'icmpv6': 58, 'esp': 50, 'ah': 51, 'gre': 47, 'vrrp': 112}


class Rule(t.NamedTuple):
    """`ports` are those of the listener, as text, () where the protocol has none; `peers` are CIDRs, () for every address."""

    name: str
    description: str
    direction: str
    protocol: str
    ports: tuple[str, ...]
    peers: tuple[str, ...]


def build(policy: policies.Policy, ports: t.Iterable[int]) -> list[Rule]:
    """The rules of POLICY, the guard for the management PORTS first. Raises PortmatrixError where Windows cannot say what the policy says."""
    found: list[Rule] = []
    names: dict[str, int] = {}
    # an answer needs no rule: Windows asks the rules of the direction that a connection was opened in
    guard = [rule for rule in policies.guard(policy, ports) if not rule.source_port]
    for rule in (*guard, *policy.rules):
        if rule.ports and rule.protocol not in ('tcp', 'udp'):
            raise PortmatrixError(
                f'{rule.flows[0]}: Windows Firewall knows ports of TCP and UDP only, and {rule.protocol} without its ports would open too much; '
                'leave the flow out for this host, or let a tunnel carry it'
            )
        for part in _parts(rule):
            title = f'{MARK}/{rule.flows[0]} {"in" if rule.direction == "ingress" else "out"} {rule.protocol}'
            number = names[title.lower()] = names.get(title.lower(), 0) + 1
            spans = tuple(str(low) if low == high else f'{low}-{high}' for low, high in rule.ports)
            found.append(
                Rule(
                    title if number == 1 else f'{title} #{number}',
                    _description(rule, policy),
                    rule.direction,
                    rule.protocol,
                    spans,
                    part,
                )
            )
    return found


def _parts(rule: policies.Rule) -> t.Iterator[tuple[str, ...]]:
    """The peers of RULE in parts that Windows takes; () is every address."""
    if rule.peers is None:
        yield ()
        return
    peers = addresses.merge(peer for _family, members in policies.by_family(rule) for peer in members or ())
    for start in range(0, len(peers), MOST_ADDRESSES):
        yield tuple(peers[start : start + MOST_ADDRESSES])


def _description(rule: policies.Rule, policy: policies.Policy) -> str:
    sources = [
        text
        for flow in rule.flows
        for text in (['the way in for management'] if flow == policies.GUARD else policy.citations.get(flow, ()))
    ]
    source = ''.join(
        '/' if letter == '|' else letter if letter >= ' ' else ' ' for letter in '; '.join(dict.fromkeys(sources))
    ).strip()
    return (
        f'Flows: {", ".join(rule.flows)}. Source: {source[:_MOST_SOURCE]}{"..." if len(source) > _MOST_SOURCE else ""}'
    )
