# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the plan of a host to the policy document that its back end converges to."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model import peers as peers_of, protocols
from ...module_utils._model.directions import INGRESS
from ...module_utils._model.peers import ANY, Any
from ...module_utils._model.policy import FORMAT
from .._catalog.model import Catalogs, citation_text, flows_by_name
from .._inventory.settings import Settings
from .._plan.rules import HostPlan, Rule


def build_policy(plan: HostPlan, baseline: HostPlan, settings: Settings, catalogs: Catalogs) -> dict[str, t.Any]:
    """The policy document (module_utils/_model/policy.py describes its form).

    It contains egress rules only if egress is denied. Raises PortmatrixError for a rule that no host firewall can
    enforce.
    """
    rules = [rule for rule in (*plan.rules, *baseline.rules) if rule.direction == INGRESS or settings.egress == 'deny']
    _refuse_ah_over_ipv6(rules)
    _refuse_everything(rules)
    flows = flows_by_name(catalogs)
    groups, labels = _groups(rules)
    return {
        'format': FORMAT,
        'egress': settings.egress,
        'exclusive': settings.exclusive,
        'log_denied': settings.log_denied,
        'local_bridges': settings.local_bridges,
        'management': {
            'sources': peers_of.to_data(settings.management_sources),
            'ports': list(settings.management_ports),
            'declared': settings.management_declared,
        },
        'groups': groups,
        'rules': [
            {
                'direction': rule.direction,
                'protocol': rule.protocol,
                # types of ICMP tell its messages apart as ports do
                'ports': list(rule.icmp_types or rule.ports),
                **({'to': list(rule.to)} if rule.to else {}),
                'flows': list(rule.flows),
                'group': None if rule.peers is ANY else labels[rule.direction, rule.peers],
            }
            for rule in rules
        ],
        'citations': {
            name: list(map(citation_text, flows[name].citations))
            for rule in rules
            for name in rule.flows
            if name in flows  # management is no flow of a catalog
        },
    }


def _groups(rules: list[Rule]) -> tuple[dict[str, list[str]], dict[tuple[str, peers_of.Peers], str]]:
    """(label -> addresses, (direction, peers) -> label).

    A label stays the same when the members of its group change: back ends derive the names of address sets from it.
    """
    groups: dict[str, list[str]] = {}
    labels: dict[tuple[str, peers_of.Peers], str] = {}
    for rule in rules:
        key = (rule.direction, rule.peers)
        if isinstance(rule.peers, Any) or key in labels:
            continue
        label = f'{rule.direction} {rule.peer}'
        labels[key] = label if label not in groups else f'{label} {rule.flows[0]} {"/".join(rule.ports)}'
        groups[labels[key]] = list(rule.peers.addresses)
    return groups, labels


def _refuse_everything(rules: list[Rule]) -> None:
    problems = [
        f'{rule.flows[0]}: would open this host to everybody, with all protocols; set '
        f'portmatrix_peers[{rule.peer!r}] to addresses'
        for rule in rules
        if rule.protocol == protocols.ALL and rule.peers is ANY and rule.direction == INGRESS
    ]
    if problems:
        raise PortmatrixError(*problems)


def _refuse_ah_over_ipv6(rules: list[Rule]) -> None:
    problems = [
        f'{rule.flows[0]}: a host firewall cannot allow AH over IPv6, where it is an extension header (RFC 4302), but '
        f'{rule.peer} has IPv6 addresses; set IPv4 addresses only, or use esp in the catalog'
        for rule in rules
        if rule.protocol == 'ah' and any(':' in address for address in peers_of.to_data(rule.peers))
    ]
    if problems:
        raise PortmatrixError(*problems)
