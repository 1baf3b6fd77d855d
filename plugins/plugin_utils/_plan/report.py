# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished plans for people and for machines: the plan file, a table for the terminal, a summary."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ...module_utils._model import peers as peers_of
from ...module_utils._model.directions import INGRESS
from ...module_utils._model.peers import ANY
from ...module_utils._model.traffic import without_full_prefix
from .._base.words import few
from .._catalog.model import Catalogs, Flow, citation_text, flows_by_name, products_of
from .._inventory.address_book import Host
from .rules import HostPlan, Mention, Plans, Rule

FORMAT = 1
_HEAD = ('HOST', 'DIRECTION', 'PORT', 'PEER', 'FLOW', 'DOCUMENT, SECTION, ROW')
_MAX_PEERS = 3


def plan_file(hosts: dict[str, Host], plans: Plans, catalogs: Catalogs, is_partial: bool) -> str:
    """The plan as JSON text, the same bytes for the same inventory. IS_PARTIAL: the inventory has more hosts."""
    used = products_of(component for name in plans for component in hosts[name].components)
    data = {
        'format': FORMAT,
        **({'partial': True} if is_partial else {}),
        'catalogs': {product: {'sha256': catalogs[product].sha256} for product in used},
        'hosts': {name: _host(hosts[name], plan) for name, plan in sorted(plans.items())},
    }
    return json.dumps(data, indent=1) + '\n'


def is_whole(path: str) -> bool:
    """Whether the file at PATH is the plan of a whole inventory."""
    try:
        data = json.loads(Path(path).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(data, dict) and 'hosts' in data and not data.get('partial')


def _host(host: Host, plan: HostPlan) -> dict[str, t.Any]:
    return {
        'platform': host.platform,
        'components': list(host.components),
        'deployments': {product: list(names) for product, names in sorted(host.deployments.items())},
        'addresses': [without_full_prefix(address) for address in host.addresses],
        **({'floating_addresses': list(map(without_full_prefix, host.floating))} if host.floating else {}),
        'rules': [_rule(rule) for rule in plan.rules],
        'baseline': [_rule(rule) for rule in plan.baseline],
        **_mentions('forwarded', plan.forwarded),
        **_mentions('never_expose', plan.never_expose),
        'warnings': list(plan.warnings),
    }


def _mentions(key: str, mentions: t.Sequence[Mention]) -> dict[str, t.Any]:
    """Nothing if there are none."""
    entries = [{**mention._asdict(), 'ports': list(mention.ports)} for mention in mentions]
    return {key: entries} if entries else {}


def _rule(rule: Rule) -> dict[str, t.Any]:
    """`flows` lists all flows of a rule, `flow` the first of them. A key that says nothing of a rule is left out, if
    few rules have it."""
    more = {'icmp_types': rule.icmp_types, 'to': rule.to, 'doubtful': rule.doubtful}
    return {
        'flow': rule.flows[0],
        'flows': list(rule.flows),
        'direction': rule.direction,
        'protocol': rule.protocol,
        'ports': list(rule.ports),
        'peer': rule.peer,
        'peers': peers_of.to_data(rule.peers),
        'citations': list(rule.citations),
        'assumed': rule.assumed,
        **{key: list(values) for key, values in more.items() if values},
    }


def table(plans: Plans, catalogs: Catalogs) -> str:
    """Host, direction, port and protocol, peers, flow and citation: a line for every flow, without what repeats."""
    flows = flows_by_name(catalogs)
    rows: list[tuple[str, ...]] = [_HEAD]
    for name, plan in sorted(plans.items()):
        for rule in plan.rules:
            first, *others = (_flow_columns(flows[flow]) for flow in rule.flows)
            rows.append((*_rule_columns(name, rule), *first))
            rows.extend(('', '', '', '', *columns) for columns in others)
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return '\n'.join('  '.join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def _flow_columns(flow: Flow) -> tuple[str, str]:
    doubts = [f'{", ".join(flow.inferred)} assumed'] if flow.inferred else []
    doubts += ['doubtful'] if flow.doubtful else []
    name = f'{flow.name} ({"; ".join(doubts)})' if doubts else flow.name
    return name, '; '.join(map(citation_text, flow.citations))


def _rule_columns(name: str, rule: Rule) -> tuple[str, ...]:
    port = f'{",".join(rule.ports)}/{rule.protocol}' if rule.ports else rule.protocol
    port += f' type {",".join(rule.icmp_types)}' if rule.icmp_types else ''
    port += f' to {",".join(rule.to)}' if rule.to else ''
    addresses = [without_full_prefix(address) for address in peers_of.to_data(rule.peers)]
    more = f' +{len(addresses) - _MAX_PEERS}' if len(addresses) > _MAX_PEERS else ''
    return name, rule.direction, port, f'{rule.peer} {" ".join(addresses[:_MAX_PEERS])}{more}'


def notes(plans: Plans, catalogs: Catalogs) -> list[str]:
    """What the documents say beyond the planned rules: the notes of the products in use and of their planned flows, and
    the rows that make no rule."""
    used: set[str] = set()
    flows = flows_by_name(catalogs)
    for plan in plans.values():
        used.update(flow for rule in plan.rules for flow in rule.flows)
    products = sorted({flow.partition('/')[0] for flow in used})
    return [
        *(f'{product}: {note}' for product in products for note in catalogs[product].notes),
        *(f'{name}: {flow.note}' for name, flow in flows.items() if name in used and flow.note),
        *_without_rules(plans),
    ]


def _without_rules(plans: Plans) -> t.Iterator[str]:
    """The rows that make no rule, each once with the hosts that it concerns."""
    hosts: dict[tuple[str, Mention], list[str]] = {}
    for name, plan in sorted(plans.items()):
        for mention in plan.forwarded:
            hosts.setdefault(('is forwarded, so that rules of the host do not govern it', mention), []).append(name)
        for mention in plan.never_expose:
            whom = f' to {mention.peer}' if mention.peer else ''
            hosts.setdefault((f'must never be exposed{whom}', mention), []).append(name)
    for (text, mention), names in hosts.items():
        traffic = f'{mention.protocol} {", ".join(mention.ports)}'.strip()
        yield f'{mention.flow}: {traffic} {text} (on {few(names)})'


def _open_to_any(rules: list[Rule]) -> int:
    return sum(rule.peers is ANY and rule.direction == INGRESS for rule in rules)


def summary(plans: Plans) -> dict[str, int]:
    """The number of hosts and of rules of products, of ingress rules that are open to any (those of management and
    the baseline included, and alone), and of unresolved components."""
    rules = [rule for plan in plans.values() for rule in plan.rules]
    baseline = [rule for plan in plans.values() for rule in plan.baseline]
    return {
        'hosts': len(plans),
        'rules': len(rules),
        'open_to_any': _open_to_any([*rules, *baseline]),
        'open_to_any_baseline': _open_to_any(baseline),
        'unresolved': len({gap.component for plan in plans.values() for gap in plan.gaps}),
    }
