# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A policy as rules of ufw: tuples for the protocols that ufw supports, iptables lines in before.rules for the others.

A tuple has one peer, so all ports that one peer may use are in one tuple: the number of rules grows with flows and with
peers, not with flows times peers. Everything behind this file uses the Ruleset, never the policy.
"""

from __future__ import annotations

import typing as t

from ..._model import icmp_types, policy as policies, protocols, traffic
from ..._model.directions import INGRESS, preposition
from ..._model.peers import ANY, Any, Peer
from ..._model.traffic import AllowedTraffic
from . import long_lines, managed_section, tuples
from .notes import EXCLUSIVE, PortFlows, is_managed, note, port_text
from .tuples import Tuple
from .user_rules import PREFIXES

# The protocols of catalogs that every ufw since 0.36 supports in tuples.
IN_TUPLES = ('tcp', 'udp', 'esp', 'ah', 'gre', protocols.ALL)
MAX_PORT_SLOTS = 15  # ports that iptables compares in one rule; a range takes two
_ALL_SOURCE_PORTS = '1:65535'
_TAILS = {'ingress': 'in', 'egress': 'out'}


class _Service(t.NamedTuple):
    """`side` and `to` are those of traffic.Service."""

    family: str
    direction: str
    protocol: str
    peer: Peer
    side: str
    to: str


class Ruleset(t.NamedTuple):
    """What a policy requires of ufw; EMPTY is a host that portmatrix does not manage.

    By family: `tuples` in their order, and the `section` lines of before.rules (comments included). `directions`: those
    in which everything else is denied; `allowed`: exactly what the policy allows there; `needs_ipv6`: what has an IPv6
    peer.
    """

    is_managed: bool
    tuples: t.Dict[str, t.Tuple[Tuple, ...]]
    section: t.Dict[str, t.Tuple[str, ...]]
    directions: t.Tuple[str, ...]
    exclusive: bool
    allowed: AllowedTraffic
    needs_ipv6: t.Tuple[str, ...]
    log_denied: bool = False


EMPTY = Ruleset(False, dict.fromkeys(PREFIXES, ()), dict.fromkeys(PREFIXES, ()), (), False, {}, ())


def build(policy: t.Optional[policies.Policy], guard: t.Iterable[policies.Rule]) -> Ruleset:
    """The ruleset that enforces POLICY, with the management GUARD first; an exclusive one ends with a denial of
    everything else. None is EMPTY."""
    if policy is None:
        return EMPTY
    guard = tuple(guard)
    tuples_of: t.Dict[str, t.List[Tuple]] = {family: [] for family in PREFIXES}
    lines: t.Dict[str, t.List[str]] = {family: _citations(policy) for family in PREFIXES}
    for service, port_flows in _services(policy, guard).items():
        for chunk in _chunks(service, port_flows):
            if service.protocol in IN_TUPLES:
                tuples_of[service.family].append(_tuple(service, chunk))
            else:
                lines[service.family].extend(_section_lines(service, chunk))
    if policy.exclusive:
        for family in PREFIXES:
            tuples_of[family].extend(_denial(family, direction) for direction in policy.enforced_directions)
    return Ruleset(
        is_managed=True,
        tuples={family: tuple(rules) for family, rules in tuples_of.items()},
        section={family: tuple(rows) for family, rows in lines.items()},
        directions=policy.enforced_directions,
        exclusive=policy.exclusive,
        allowed=policies.allowed_traffic(policy, guard),
        needs_ipv6=_needs_ipv6(policy),
        log_denied=policy.log_denied,
    )


def _services(policy: policies.Policy, guard: t.Iterable[policies.Rule]) -> t.Dict[_Service, PortFlows]:
    """The ports of each service, with the flows that need them."""
    services: t.Dict[_Service, PortFlows] = {}
    for rule in (*guard, *policy.rules):
        for family, peers in policies.peers_by_family(rule) if rule.direction in policy.enforced_directions else ():
            for address in (ANY,) if isinstance(peers, Any) else peers.addresses:
                peer = ANY if address == tuples.ANYWHERE[family] else address
                for group in policies.destinations(rule, family):
                    service = _Service(family, rule.direction, rule.protocol, peer, rule.side, group)
                    port_flows = services.setdefault(service, {})
                    for ports in rule.ports or (traffic.NO_PORTS,):
                        flows = port_flows.setdefault(ports, [])
                        flows.extend(flow for flow in rule.flows if flow not in flows)
    return services


def _chunks(service: _Service, port_flows: PortFlows) -> t.Iterator[PortFlows]:
    """The ports in parts that fit into one rule of iptables; it compares one type of ICMP."""
    if service.side == traffic.TYPE:
        yield from ({ports: flows} for ports, flows in sorted(port_flows.items()))
        return
    chunk: PortFlows = {}
    used = 0
    for ports, flows in sorted(port_flows.items()):
        slots = 1 if ports[0] == ports[1] else 2
        if used + slots > MAX_PORT_SLOTS:
            yield chunk
            chunk, used = {}, 0
        chunk[ports] = flows
        used += slots
    yield chunk


def _tuple(service: _Service, port_flows: PortFlows) -> Tuple:
    ports, anywhere = port_text(port_flows), tuples.ANYWHERE[service.family]
    address = anywhere if isinstance(service.peer, Any) else traffic.without_full_prefix(service.peer)
    own = traffic.without_full_prefix(service.to) if service.to else anywhere
    src, dst = (address, own) if service.direction == INGRESS else (own, address)
    comment = tuples.comment(note(port_flows))
    return Tuple('allow', service.protocol, ports, dst, 'any', src, _TAILS[service.direction], comment=comment)


def _denial(family: str, direction: str) -> Tuple:
    """The denial of everything else. What it denies is logged as ufw logs what its default policy denies."""
    anywhere = tuples.ANYWHERE[family]
    action = 'deny' if direction == INGRESS else 'reject'
    comment = tuples.comment(EXCLUSIVE)
    return Tuple(action, 'any', 'any', anywhere, 'any', anywhere, _TAILS[direction], log='log', comment=comment)


def _section_lines(service: _Service, port_flows: PortFlows) -> t.Tuple[str, str]:
    family, direction, protocol, peer, side, group = service
    if side == traffic.TYPE:
        (span,) = port_flows
        line = managed_section.accept_line(family, direction, protocol, peer, 'any', group, icmp_types.text(span))
    else:
        line = managed_section.accept_line(family, direction, protocol, peer, port_text(port_flows), group)
    return f'# {note(port_flows)}', line


def make_distinct(
    family: str, ruleset: Ruleset, keys: t.Container[t.Tuple[t.Union[str, bool], ...]]
) -> t.Tuple[t.Tuple[Tuple, ...], t.List[str]]:
    """(tuples, lines for the section) that do the same, but none has a key in KEYS, those of unmanaged rules.

    For ufw it would be the same rule, and gone when somebody deletes his."""
    rules: t.List[Tuple] = []
    lines: t.List[str] = []
    for rule in ruleset.tuples[family]:
        if rule.action != 'allow' or rule.key not in keys:
            rules.append(rule)
        elif rule.dport != 'any':
            rules.append(rule._replace(sport=_ALL_SOURCE_PORTS))
        else:
            peer: Peer = ANY if tuples.is_anywhere(rule.peer) else rule.peer
            group = '' if rule.direction != INGRESS or tuples.is_anywhere(rule.dst) else rule.dst
            accept = managed_section.accept_line(family, rule.direction, rule.protocol, peer, rule.dport, group)
            lines.extend((f'# {rule.note()}', accept))
    return tuple(rules), lines


def exceeds(rule: Tuple, family: str, ruleset: Ruleset) -> bool:
    """Whether an unmanaged RULE allows more than RULESET does."""
    if rule.route or is_managed(rule) or not rule.allows or rule.direction not in ruleset.directions:
        return False
    has_ports = rule.protocol in ('tcp', 'udp', 'any')
    ports = tuples.parse_ports(rule.dport) if rule.dport != 'any' else [traffic.NO_PORTS]
    if rule.dport == 'any' and has_ports:
        ports = [traffic.ALL_PORTS]
    names = ('tcp', 'udp') if rule.protocol == 'any' and rule.dport != 'any' else (rule.protocol,)
    try:
        return not all(
            traffic.allows(ruleset.allowed, rule.direction, family, name, span, rule.peer)
            for name in names
            for span in ports
        )
    except (ValueError, OSError):
        return True


def _citations(policy: policies.Policy) -> t.List[str]:
    """The rows of the vendor's document behind every flow, as comments."""
    used = {flow for rule in policy.rules if rule.direction in policy.enforced_directions for flow in rule.flows}
    return [
        long_lines.shorten(f'# {flow} = {" ".join(text.split())}')
        for flow in sorted(used & set(policy.citations))
        for text in policy.citations[flow]
    ]


def _needs_ipv6(policy: policies.Policy) -> t.Tuple[str, ...]:
    """The flows and management sources that have an IPv6 address as a peer; a host without IPv6 does without those of
    the baseline."""
    flows = {
        flow
        for rule in policy.rules
        if not isinstance(rule.peers, Any) and traffic.members_of('ipv6', rule.peers.addresses)
        for flow in rule.flows
        if not flow.startswith(f'{policies.BASELINE}/')
    }
    sources = () if isinstance(policy.management_sources, Any) else policy.management_sources.addresses
    management = [f'management {preposition(INGRESS)} {source}' for source in traffic.members_of('ipv6', sources)]
    return (*sorted(flows), *management)
