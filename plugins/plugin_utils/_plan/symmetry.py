# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the rules at both ends of every connection match: each ingress rule needs an egress rule at the peer."""

from __future__ import annotations

import typing as t

from ...module_utils._model.directions import INGRESS, opposite
from ...module_utils._model.peers import ANY, Any, Peers
from .._base.libraries import netaddr
from .._inventory.address_book import AddressBook, Host
from .rules import HostPlan, Plans, Rule

# (direction, flow, protocol) -> rules of one host
_Index = dict[tuple[str, str, str], list[Rule]]


def asymmetries(hosts: dict[str, Host], plans: Plans, book: AddressBook) -> list[str]:
    """Problems: rules for an inventory host without the matching rule there. Only pairs of hosts in PLANS are compared.

    There must be none, since both rules come from the same documented flow.
    """
    problems = []
    indexes = {name: _index(plan) for name, plan in plans.items()}
    for name, plan in sorted(plans.items()):
        for rule in plan.rules:
            for peer in _peer_hosts(rule, hosts, book, name):
                if peer in plans and not _has_counterpart(indexes[peer], rule, hosts[name].addresses):
                    problems.append(
                        f'{name}: {rule.direction} {rule.protocol} {", ".join(rule.ports)} of {rule.flows[0]} has no '
                        f'matching {opposite(rule.direction)} rule on {peer}'
                    )
    return problems


def _index(plan: HostPlan) -> _Index:
    index: _Index = {}
    for rule in plan.rules:
        for flow in rule.flows:
            index.setdefault((rule.direction, flow, rule.protocol), []).append(rule)
    return index


def _peer_hosts(rule: Rule, hosts: dict[str, Host], book: AddressBook, name: str) -> t.Iterator[str]:
    """Hosts that have the rule's peer component and are among its peers."""
    if isinstance(rule.peers, Any):
        return
    for entry in book.members(rule.peer):
        if entry.host not in hosts or entry.host == name:
            continue
        listening = book.listening(entry.option_set)
        flow_ids = (flow.partition('/')[2] for flow in rule.flows)
        listens = rule.direction == INGRESS or any(listening.get(name) == list(rule.ports) for name in flow_ids)
        if listens and _covers(rule.peers, entry.addresses):
            yield entry.host


def _has_counterpart(index: _Index, rule: Rule, own_addresses: tuple[str, ...]) -> bool:
    direction = opposite(rule.direction)
    candidates = (other for flow in rule.flows for other in index.get((direction, flow, rule.protocol), ()))
    return any(other.ports == rule.ports and _covers(other.peers, own_addresses) for other in candidates)


def _covers(peers: Peers, addresses: tuple[str, ...]) -> bool:
    if peers is ANY or set(addresses) <= set(peers.addresses):
        return True
    networks = [netaddr.IPNetwork(peer) for peer in peers.addresses]
    return all(any(netaddr.IPNetwork(address) in network for network in networks) for address in addresses)
