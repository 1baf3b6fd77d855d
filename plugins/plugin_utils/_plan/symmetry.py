# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the rules at both ends of every connection match: each ingress rule needs an egress rule at the peer.

Sets of hosts are numbers with a bit for each host, so that the time grows with the rules, not with pairs of hosts.
"""

from __future__ import annotations

import typing as t

from ...module_utils._model.directions import EGRESS, INGRESS, opposite
from ...module_utils._model.peers import Any
from .._catalog.model import Catalogs, Flow, flows_by_name
from .._inventory.address_book import AddressBook, Host
from .coverage import Coverage
from .rules import Plans

# what both ends of a flow must agree about: (flow, protocol, ports)
_Traffic = tuple[str, str, tuple[str, ...]]
_Reach = dict[str, int]  # host -> the hosts that its rules for a traffic cover


def asymmetries(hosts: dict[str, Host], plans: Plans, catalogs: Catalogs, book: AddressBook) -> list[str]:
    """Problems: rules for an inventory host without the matching rule there. Only hosts in PLANS are compared.

    There must be none, since both rules come from the same documented flow.
    """
    names = sorted(plans)
    coverage = Coverage({name: hosts[name].addresses for name in names})
    found = _read(plans, coverage)
    flows = flows_by_name(catalogs)
    problems: list[str] = []
    for traffic in sorted({*found[INGRESS], *found[EGRESS]}):
        if flows[traffic[0]].forwarded or flows[traffic[0]].group_addresses:
            continue  # the listener has no rule for it, or what is sent goes to no host
        ends = _Ends(flows[traffic[0]], traffic, [hosts[name] for name in names], coverage, book)
        for direction in (INGRESS, EGRESS):
            rules, counterparts = found[direction].get(traffic, {}), found[opposite(direction)].get(traffic, {})
            for name, missing in ends.without_counterpart(direction, rules, counterparts):
                problems.extend(
                    f'{name}: {direction} {traffic[1]} {", ".join(traffic[2])} of {traffic[0]} has no matching '
                    f'{opposite(direction)} rule on {peer}'
                    for peer in coverage.names(missing)
                )
    return sorted(problems)


def _read(plans: Plans, coverage: Coverage) -> dict[str, dict[_Traffic, _Reach]]:
    """Direction -> traffic -> host -> the hosts that its rules cover; a rule for any says nothing of hosts."""
    found: dict[str, dict[_Traffic, _Reach]] = {INGRESS: {}, EGRESS: {}}
    for name, plan in plans.items():
        for rule in plan.rules:
            covered = coverage.everybody if isinstance(rule.peers, Any) else coverage.of(rule.peers)
            for flow in rule.flows:
                reach = found[rule.direction].setdefault((flow, rule.protocol, rule.ports), {})
                reach[name] = reach.get(name, 0) | covered
    return found


class _Ends:
    """Which hosts a traffic has at its ends, by what the inventory says."""

    def __init__(self, flow: Flow, traffic: _Traffic, hosts: list[Host], coverage: Coverage, book: AddressBook) -> None:
        self._flow, self._ports, self._hosts, self._coverage, self._book = flow, traffic[2], hosts, coverage, book
        self._joined: dict[tuple[str, tuple[str, ...], tuple[str, ...]], int] = {}

    def without_counterpart(self, direction: str, rules: _Reach, counterparts: _Reach) -> t.Iterator[tuple[str, int]]:
        """(host, peers that it has a rule for and that have none for it)."""
        groups = self._groups(direction, counterparts)
        for host in self._hosts:
            if host.name in rules:
                own = self._coverage.bit(host.name)
                expected = rules[host.name] & self._peers(direction, host) & ~own
                returned = sum(members for covered, members in groups.items() if covered & own)
                if expected & ~returned:
                    yield host.name, expected & ~returned

    def _groups(self, direction: str, counterparts: _Reach) -> dict[int, int]:
        """What counterparts cover -> the hosts that cover exactly this. A host is never its own peer, so that all
        members of a mesh are one group."""
        groups: dict[int, int] = {}
        for name, covered in counterparts.items():
            bit = self._coverage.bit(name)
            groups[covered | bit] = groups.get(covered | bit, 0) | bit
        return groups

    def _peers(self, direction: str, host: Host) -> int:
        """The hosts that this traffic joins with HOST, which is its destination (ingress) or its source."""
        own = frozenset(name.partition('.')[2] for name in host.components if name.startswith(f'{self._flow.product}.'))
        pairs = self._flow.pairs if direction == INGRESS else [pair[::-1] for pair in self._flow.pairs]
        components = tuple(sorted({peer for peer, mine in pairs if mine in own}))
        key = (direction, components, host.deployments_of(self._flow.product))
        if key not in self._joined:
            self._joined[key] = self._coverage.union(
                entry.host
                for component in components
                for entry in self._book.peers(f'{self._flow.product}.{component}', key[2], self._flow.between)
                if direction == INGRESS or self._listens(entry.option_set)
            )
        return self._joined[key]

    def _listens(self, option_set: int) -> bool:
        listening = self._book.listening(option_set).get(self._flow.id)
        return listening is not None and listening.ports == self._ports
