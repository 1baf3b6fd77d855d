# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the plan of a host to the policy document that its back end converges to."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.policy import FORMAT
from .._catalog.loader import Catalog, citation_text, flows_by_name
from .._plan.planner import ANY, HostPlan, Rule, Settings


def build_policy(
    plan: HostPlan, baseline: HostPlan, settings: Settings, catalogs: dict[str, Catalog]
) -> dict[str, t.Any]:
    """The policy document (module_utils.policy.Policy gives its form). Egress rules are part of it only where egress is denied."""
    rules = [
        rule for rule in (*plan.rules, *baseline.rules) if rule.direction == 'ingress' or settings.egress == 'deny'
    ]
    _refuse_ah(rules)
    flows = flows_by_name(catalogs)
    groups: dict[str, list[str]] = {}
    labels = {}
    for rule in rules:
        if rule.peers != ANY and (rule.direction, rule.peers) not in labels:
            label = _label(rule, groups)
            labels[rule.direction, rule.peers] = label
            groups[label] = list(rule.peers)
    return {
        'format': FORMAT,
        'egress': settings.egress,
        'exclusive': settings.exclusive,
        'management': {'sources': list(settings.management_sources), 'ports': list(settings.management_ports)},
        'groups': groups,
        'rules': [
            {
                'direction': rule.direction,
                'protocol': rule.protocol,
                'ports': list(rule.ports),
                'flows': list(rule.flows),
                'group': None if rule.peers == ANY else labels[rule.direction, rule.peers],
            }
            for rule in rules
        ],
        'citations': {
            name: [citation_text(citation) for citation in flows[name].citations]
            for rule in rules
            for name in rule.flows
        },
    }


def _refuse_ah(rules: list[Rule]) -> None:
    """Raise PortmatrixError for AH between IPv6 addresses: there it is an extension header, which no firewall here can ask for."""
    problems = [
        f'{rule.flows[0]}: AH over IPv6 cannot be admitted by a host firewall (it is an extension header there, RFC 4302), but {rule.peer} has IPv6 addresses; '
        'give it IPv4 addresses only, or use esp in the catalog'
        for rule in rules
        if rule.protocol == 'ah' and any(':' in peer for peer in rule.peers)
    ]
    if problems:
        raise PortmatrixError(*problems)


def _label(rule: Rule, taken: dict[str, list[str]]) -> str:
    """A name for a group of peers that outlives changes of its members: back ends derive the names of address sets from it."""
    label = f'{rule.direction} {rule.peer}'
    return label if label not in taken else f'{label} {rule.flows[0]} {"/".join(rule.ports)}'
