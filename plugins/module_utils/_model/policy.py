# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of one host: what its firewall must allow, in terms of no particular back end.

A policy document is JSON: `format` (1), `egress` (allow or deny), `exclusive`, `log_denied` and `local_bridges` (bool;
the latter: admit what bridges of the host need), `management` (`sources`: CIDRs or ["any"]; `ports`: in addition to the
observed ones; `declared`: false if the sources are a default), `groups` (label -> canonical CIDRs), `rules`
(`direction`, `protocol`, `ports`, for ICMP its types, `group` or null for any, `to`: addresses of groups to which what
comes in is sent, `flows`), `citations` (flow -> texts). Everything that no rule allows is denied: ingress always,
egress if `egress` is deny.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import typing as t

from .._base.errors import PortmatrixError
from . import icmp_types, peers as peers_of, protocols, traffic
from .directions import EGRESS, INGRESS
from .peers import ANY, Any, Members, Peers
from .traffic import Ports

FORMAT = 1
GUARD = 'management'
BASELINE = 'baseline'  # product of the flows that every host needs


class Rule(t.NamedTuple):
    """What is allowed. `ports` is empty for protocols without ports, for ICMP they are types (_model.icmp_types), all
    if empty; `label` names the group of peers; `to`: only what is sent to these addresses of groups."""

    direction: str
    protocol: str
    ports: t.Tuple[Ports, ...]
    label: str
    peers: Peers
    flows: t.Tuple[str, ...]
    to: t.Tuple[str, ...] = ()

    @property
    def side(self) -> str:
        """Which number tells its packets apart; see traffic.Service."""
        return '' if not self.ports else traffic.TYPE if self.protocol in protocols.WITH_TYPES else 'destination'


class Policy(t.NamedTuple):
    """A parsed policy document; `rules` contain the peers of their group."""

    egress: str
    exclusive: bool
    management_sources: Peers
    management_ports: t.Tuple[int, ...]
    management_declared: bool
    rules: t.Tuple[Rule, ...]
    citations: t.Dict[str, t.List[str]]
    digest: str
    log_denied: bool = False
    local_bridges: bool = False

    @property
    def enforced_directions(self) -> t.Tuple[str, ...]:
        """The directions in which everything that no rule allows is denied."""
        return (INGRESS, EGRESS) if self.egress == 'deny' else (INGRESS,)


def parse(text: str) -> Policy:
    """The policy in the JSON document TEXT. `digest` is the SHA-256 of its canonical form, equal on every platform."""
    data = json.loads(text)
    if data['format'] != FORMAT:
        raise PortmatrixError(
            f"policy document: format: must be {FORMAT}, got {data['format']}; install the same version of "
            'portmatrix.firewall for the controller and the module'
        )
    rules = tuple(
        Rule(
            rule['direction'],
            rule['protocol'],
            tuple(parse_service(rule['protocol'], ports) for ports in rule['ports']),
            rule['group'] or 'any',
            Members(tuple(data['groups'][rule['group']])) if rule['group'] else ANY,
            tuple(rule['flows']),
            tuple(rule.get('to', ())),
        )
        for rule in data['rules']
    )
    management = data['management']
    return Policy(
        data['egress'],
        data['exclusive'],
        peers_of.from_data(management['sources']),
        tuple(management['ports']),
        management.get('declared', True),
        rules,
        data['citations'],
        hashlib.sha256(json.dumps(data, sort_keys=True, separators=(',', ':')).encode()).hexdigest(),
        data.get('log_denied', False),
        data.get('local_bridges', False),
    )


def guard(policy: Policy, ports: t.Iterable[int]) -> t.Tuple[Rule, ...]:
    """The rules that keep management access open on PORTS. Replies need none: the kernel knows their connection."""
    return guard_from(dict.fromkeys(ports, policy.management_sources))


def guard_from(sources: t.Mapping[int, Peers]) -> t.Tuple[Rule, ...]:
    """The rules that keep management access open: on each port from its SOURCES."""
    spans: t.Dict[Peers, t.List[Ports]] = {}
    for port, peers in sorted(sources.items()):
        if isinstance(peers, Any) or peers.addresses:
            spans.setdefault(peers, []).append((port, port))
    return tuple(Rule(INGRESS, 'tcp', tuple(ports), GUARD, peers, (GUARD,)) for peers, ports in spans.items())


def peers_by_family(rule: Rule) -> t.Iterator[t.Tuple[str, Peers]]:
    """(family, peers of that family) of RULE, for each family that it allows anything in."""
    for family in traffic.FAMILIES:
        if traffic.ONLY_IN.get(rule.protocol, family) != family:
            continue
        if rule.to and not traffic.members_of(family, rule.to):
            continue
        if isinstance(rule.peers, Any):
            yield family, ANY
            continue
        members = traffic.members_of(family, rule.peers.addresses)
        if members:
            groups = protocols.GROUP_ADDRESSES.get(rule.protocol, {}) if rule.direction == EGRESS else {}
            yield family, Members((*((groups[family],) if groups else ()), *members))


def destinations(rule: Rule, family: str) -> t.Tuple[str, ...]:
    """The addresses of groups in FAMILY to which what RULE allows is sent; ("",) without any."""
    return traffic.members_of(family, rule.to) or ('',)


def allowed_traffic(policy: Policy, guard_rules: t.Iterable[Rule]) -> traffic.AllowedTraffic:
    """Everything that POLICY and its guard allow, in the directions that the policy enforces."""
    builder = traffic.Builder()
    for rule in (*guard_rules, *policy.rules):
        for family, peers in peers_by_family(rule) if rule.direction in policy.enforced_directions else ():
            for ports, group in itertools.product(rule.ports or (traffic.NO_PORTS,), destinations(rule, family)):
                builder.add(rule.direction, family, rule.protocol, rule.side, ports, peers, group)
    return builder.allowed()


def parse_service(protocol: str, text: str) -> Ports:
    """Ports, or the types of ICMP, as (first, last)."""
    return icmp_types.interval(text) if protocol in protocols.WITH_TYPES else parse_ports(text)


def service_text(protocol: str, ports: Ports) -> str:
    """The opposite of `parse_service`."""
    return icmp_types.text(ports) if protocol in protocols.WITH_TYPES else ports_text(ports)


def parse_ports(text: str) -> Ports:
    """ "443" or "80-90" as (first, last)."""
    low, _dash, high = text.partition('-')
    return int(low), int(high or low)


def ports_text(ports: Ports) -> str:
    """(first, last) as "443" or "80-90"."""
    low, high = ports
    return f'{low}' if low == high else f'{low}-{high}'
