# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Analysis of finished plans: does every opening have its other end?"""

from __future__ import annotations

import typing as t

from .._base.libraries import netaddr
from .._inventory.address_book import AddressBook, Host
from .planner import ANY, HostPlan, Rule


def asymmetries(hosts: dict[str, Host], plans: dict[str, HostPlan], book: AddressBook) -> list[str]:
    """Ingress rules towards an inventory host without their egress twin, and egress rules without their ingress twin.

    Only pairs of hosts in PLANS are compared. An empty list is the only good answer: both ends come from one documented flow.
    """
    problems = []
    index = {name: _by_flow(plan) for name, plan in plans.items()}
    for name, plan in sorted(plans.items()):
        for rule in plan.rules:
            twin = 'egress' if rule.direction == 'ingress' else 'ingress'
            for peer in _hosts_behind(rule, hosts, book, name):
                if peer in plans and not _has_twin(index[peer], rule, twin, hosts[name].addresses):
                    problems.append(
                        f'{name}: {rule.direction} {rule.protocol} {", ".join(rule.ports)} of {rule.flows[0]} has no {twin} twin on {peer}'
                    )
    return problems


def _by_flow(plan: HostPlan) -> dict[tuple[str, str, str], list[Rule]]:
    index: dict[tuple[str, str, str], list[Rule]] = {}
    for rule in plan.rules:
        for flow in rule.flows:
            index.setdefault((rule.direction, flow, rule.protocol), []).append(rule)
    return index


def _hosts_behind(rule: Rule, hosts: dict[str, Host], book: AddressBook, name: str) -> t.Iterator[str]:
    """Hosts that play the rule's peer component and are among its peers."""
    for entry in book.members(rule.peer):
        listened = book.listening(entry.listens)
        listens = rule.direction == 'ingress' or any(
            listened.get(flow.partition('/')[2]) == list(rule.ports) for flow in rule.flows
        )
        if (
            listens
            and entry.host in hosts
            and entry.host != name
            and rule.peers != ANY
            and _covers(rule.peers, entry.addresses)
        ):
            yield entry.host


def _has_twin(index: dict[tuple[str, str, str], list[Rule]], rule: Rule, twin: str, own: tuple[str, ...]) -> bool:
    candidates = (other for flow in rule.flows for other in index.get((twin, flow, rule.protocol), ()))
    return any(other.ports == rule.ports and (other.peers == ANY or _covers(other.peers, own)) for other in candidates)


def _covers(peers: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    if set(wanted) <= set(peers):
        return True
    networks = [netaddr.IPNetwork(peer) for peer in peers]
    return all(any(netaddr.IPNetwork(address) in network for network in networks) for address in wanted)
