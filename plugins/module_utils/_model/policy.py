# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of one host: what its firewall must admit, free of any back end's words.

A policy document is JSON: `format` (1), `egress` (allow or deny), `exclusive` (bool), `management` (`sources`: CIDRs or ["any"];
`ports`: besides the observed ones), `groups` (label -> canonical CIDRs), `rules` (`direction`, `protocol`, `ports`, `group` or null for any,
`flows`), `citations` (flow -> texts). Everything that no rule admits is denied: ingress always, egress where it says so.
"""

from __future__ import annotations

import hashlib
import json
import typing as t

from .._base.errors import PortmatrixError
from . import traffic

FORMAT = 1
GUARD = 'management'
# VRRP speaks to its group address, not to the address of a peer (RFC 9568, sections 5.1.1.2 and 5.1.2.2).
_VRRP_GROUPS = {'ipv4': '224.0.0.18/32', 'ipv6': 'ff02::12/128'}


class Rule(t.NamedTuple):
    """What is admitted. `ports` are (low, high) pairs; `peers` is None for any; `source_port`: the ports are those of the sending end."""

    direction: str
    protocol: str
    ports: t.Tuple[t.Tuple[int, int], ...]
    label: str
    peers: t.Optional[t.Tuple[str, ...]]
    flows: t.Tuple[str, ...]
    source_port: bool = False


class Policy(t.NamedTuple):
    """A parsed policy document; `rules` hold the peers of their group."""

    egress: str
    exclusive: bool
    management_sources: t.Optional[t.Tuple[str, ...]]
    management_ports: t.Tuple[int, ...]
    rules: t.Tuple[Rule, ...]
    citations: t.Dict[str, t.List[str]]
    digest: str

    @property
    def directions(self) -> t.Tuple[str, ...]:
        """The directions in which everything else is denied."""
        return ('ingress', 'egress') if self.egress == 'deny' else ('ingress',)


def parse(text: str) -> Policy:
    """The policy in the JSON document TEXT. `digest` is the SHA-256 of its canonical form, the same on every platform."""
    data = json.loads(text)
    if data['format'] != FORMAT:
        raise PortmatrixError(
            f"policy format {data['format']} is unknown here; controller and module must come from one version of portmatrix.firewall"
        )
    rules = tuple(
        Rule(
            rule['direction'],
            rule['protocol'],
            tuple(_span(port) for port in rule['ports']),
            rule['group'] or 'any',
            tuple(data['groups'][rule['group']]) if rule['group'] else None,
            tuple(rule['flows']),
        )
        for rule in data['rules']
    )
    sources = data['management']['sources']
    digest = hashlib.sha256(json.dumps(data, sort_keys=True, separators=(',', ':')).encode()).hexdigest()
    return Policy(
        data['egress'],
        data['exclusive'],
        None if sources == ['any'] else tuple(sources),
        tuple(data['management']['ports']),
        rules,
        data['citations'],
        digest,
    )


def guard(policy: Policy, ports: t.Iterable[int]) -> t.Tuple[Rule, ...]:
    """Rules that keep the way in open on the management PORTS.

    Where egress is denied, the answers get a rule of their own: a session that is older than the firewall is unknown to connection tracking.
    """
    spans = tuple((port, port) for port in sorted(set(ports)))
    if not spans:
        return ()
    way_in = Rule('ingress', 'tcp', spans, GUARD, policy.management_sources, (GUARD,))
    answers = Rule('egress', 'tcp', spans, GUARD, policy.management_sources, (GUARD,), source_port=True)
    return (way_in, answers) if policy.egress == 'deny' else (way_in,)


def by_family(rule: Rule) -> t.Iterator[t.Tuple[str, t.Optional[t.Tuple[str, ...]]]]:
    """(family, peers in it) of RULE, for each family that it has anything to say about; None is every address."""
    for family in traffic.FAMILIES:
        if traffic.ONLY_IN.get(rule.protocol, family) != family:
            continue
        if rule.peers is None:
            yield family, None
            continue
        peers = tuple(peer for peer in rule.peers if traffic.family(peer) == family)
        if peers:
            grouped = rule.protocol == 'vrrp' and rule.direction == 'egress'
            yield family, (*((_VRRP_GROUPS[family],) if grouped else ()), *peers)


def reach_of(policy: Policy, guard_rules: t.Iterable[Rule]) -> traffic.Reach:
    """Everything that a host admits which enforces POLICY with its guard, in the directions in which it denies the rest."""
    builder = traffic.Builder()
    for rule in (*guard_rules, *policy.rules):
        side = ('source' if rule.source_port else 'destination') if rule.ports else ''
        for family, peers in by_family(rule) if rule.direction in policy.directions else ():
            for span in rule.ports or ((0, 0),):
                builder.add(
                    rule.direction,
                    family,
                    rule.protocol,
                    side,
                    span,
                    None if peers is None else map(traffic.interval, peers),
                )
    return builder.reach()


def _span(text: str) -> t.Tuple[int, int]:
    low, _dash, high = text.partition('-')
    return int(low), int(high or low)
