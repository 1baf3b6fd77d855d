# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished plans for people and for machines: the plan file, a table for the terminal, a summary."""

from __future__ import annotations

import json
import typing as t

from .._catalog.loader import Catalog, citation_text, flows_by_name
from .._inventory.address_book import Host
from .planner import ANY, HostPlan, Rule

FORMAT = 1
_HEAD = ('HOST', 'DIRECTION', 'PORT', 'PEER', 'FLOW', 'DOCUMENT, SECTION, ROW')
_MOST_PEERS = 3


def plan_file(hosts: dict[str, Host], plans: dict[str, HostPlan], catalogs: dict[str, Catalog]) -> str:
    """The plan as JSON text, the same bytes for the same inventory. `flows` names all flows of a rule, `flow` the first of them."""
    used = sorted({component.partition('.')[0] for name in plans for component in hosts[name].components})
    data = {
        'format': FORMAT,
        'catalogs': {product: {'sha256': catalogs[product].sha256} for product in used},
        'hosts': {
            name: {
                'platform': hosts[name].platform,
                'components': list(hosts[name].components),
                'addresses': [
                    address.partition('/')[0] if address.endswith('/128' if ':' in address else '/32') else address
                    for address in hosts[name].addresses
                ],
                'rules': [_rule(rule) for rule in plan.rules],
                'warnings': list(plan.warnings),
            }
            for name, plan in sorted(plans.items())
        },
    }
    return json.dumps(data, indent=1) + '\n'


def _rule(rule: Rule) -> dict[str, t.Any]:
    return {
        'flow': rule.flows[0],
        'flows': list(rule.flows),
        'direction': rule.direction,
        'protocol': rule.protocol,
        'ports': list(rule.ports),
        'peer': rule.peer,
        'peers': list(rule.peers),
        'citations': list(rule.citations),
        'assumed': rule.assumed,
    }


def table(plans: dict[str, HostPlan], catalogs: dict[str, Catalog]) -> str:
    """Host, direction, port and protocol, peers, flow and citation: a line for every flow, what repeats left out."""
    flows = flows_by_name(catalogs)
    rows: list[tuple[str, ...]] = [_HEAD]
    for name, plan in sorted(plans.items()):
        for rule in plan.rules:
            cited = [
                (
                    flow + (' (port assumed)' if flows[flow].assumed else ''),
                    '; '.join(map(citation_text, flows[flow].citations)),
                )
                for flow in rule.flows
            ]
            rows.append((*_row(name, rule), *cited[0]))
            rows.extend(('', '', '', '', *line) for line in cited[1:])
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return '\n'.join('  '.join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def _row(name: str, rule: Rule) -> tuple[str, ...]:
    port = f'{",".join(rule.ports)}/{rule.protocol}' if rule.ports else rule.protocol
    shown = [
        peer.removesuffix('/32') if ':' not in peer else peer.removesuffix('/128') for peer in rule.peers[:_MOST_PEERS]
    ]
    more = f' +{len(rule.peers) - _MOST_PEERS}' if len(rule.peers) > _MOST_PEERS else ''
    return name, rule.direction, port, f'{rule.peer} {" ".join(shown)}{more}'


def notes(plans: dict[str, HostPlan], catalogs: dict[str, Catalog]) -> list[str]:
    """What the documents say beyond the rules that are planned: notes of the products in use and of their planned flows."""
    used = {flow for plan in plans.values() for rule in plan.rules for flow in rule.flows}
    products = sorted({flow.partition('/')[0] for flow in used})
    return [
        *(f'{product}: {note}' for product in products for note in catalogs[product].notes),
        *(f'{name}: {flow.note}' for name, flow in flows_by_name(catalogs).items() if name in used and flow.note),
    ]


def summary(plans: dict[str, HostPlan]) -> dict[str, int]:
    """How many hosts and rules there are, how many ingress rules are open to any, and how many warnings tell of an unresolved component."""
    rules = [rule for plan in plans.values() for rule in plan.rules]
    return {
        'hosts': len(plans),
        'rules': len(rules),
        'open_to_any': sum(rule.peers == ANY and rule.direction == 'ingress' for rule in rules),
        'unresolved': len({gap.component for plan in plans.values() for gap in plan.gaps}),
    }
