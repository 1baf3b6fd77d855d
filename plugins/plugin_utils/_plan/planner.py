# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: from catalogs and the address book to the rules of one host. Pure, deterministic and fail-closed."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.directions import EGRESS, INGRESS
from ...module_utils._model.peers import ANY, Members, Peers
from .._base import addresses
from .._base.words import few
from .._catalog.listeners import Listening, PortTable, port_table
from .._catalog.model import Catalogs, Flow, products_of
from .._catalog.options import PLATFORMS
from .._inventory.address_book import AddressBook, Entry, Host
from .._inventory.settings import Settings
from . import exposure, idle
from .declared_peers import DeclaredPeers
from .notes import Notes
from .rule_set import RuleSet
from .rules import HostPlan, Mention

IPV4, IPV6 = 4, 6


def families(addresses_of_host: t.Iterable[str]) -> frozenset[int]:
    return frozenset(IPV6 if ':' in address else IPV4 for address in addresses_of_host)


def plan_host(host: Host, settings: Settings, catalogs: Catalogs, book: AddressBook) -> HostPlan:
    """The plan of HOST: all its components, in both directions. Raises PortmatrixError with every option that has no
    value but is needed."""
    return _HostPlanner(host, settings, catalogs, book).plan()


class _HostPlanner:
    def __init__(self, host: Host, settings: Settings, catalogs: Catalogs, book: AddressBook) -> None:
        self._host, self._settings, self._catalogs, self._book = host, settings, catalogs, book
        self._rules, self._notes = RuleSet(), Notes()
        self._declared = DeclaredPeers(host, settings, catalogs, book, self._notes)
        self._mentions: dict[bool, dict[Mention, None]] = {True: {}, False: {}}  # by whether they are forwarded
        self._unset: dict[str, None] = {}
        self._idle: list[str] = []
        self._merged: dict[frozenset[str], Members] = {}
        self._families = families(host.addresses)

    def plan(self) -> HostPlan:
        for product in products_of(self._host.components):
            self._plan_product(product)
        if self._unset:
            raise PortmatrixError(*self._unset)
        rules = self._rules.rules()
        forwarded, never_expose = tuple(sorted(self._mentions[True])), tuple(sorted(self._mentions[False]))
        warnings = [*self._notes.texts(), *self._declared.warnings(), *self._idle]
        warnings += exposure.contradictions(rules, never_expose)
        return HostPlan(
            rules, tuple(warnings), tuple(sorted(self._declared.gaps)), forwarded=forwarded, never_expose=never_expose
        )

    def _plan_product(self, product: str) -> None:
        catalog, options = self._catalogs[product], self._host.options[product]
        prefix = f'{product}.'
        own = {name[len(prefix) :] for name in self._host.components if name.startswith(prefix)}
        tables = {platform: port_table(catalog, options, platform) for platform in PLATFORMS}
        listening = tables[self._host.platform]
        in_use: set[str] = set()
        for flow in catalog.flows:
            for source, destination in flow.pairs:
                peer = prefix + source if source else ''
                if destination in own and flow.id in listening:
                    in_use.add(destination)
                    if flow.forwarded or flow.advice:
                        self._mention(flow, peer, listening[flow.id])
                    else:
                        self._plan_ingress(flow, peer, listening[flow.id])
                if source in own and not flow.advice and self._plan_egress(flow, prefix + destination, tables):
                    in_use.add(source)
        self._idle.extend(idle.warnings(catalog, own - in_use))

    def _mention(self, flow: Flow, peer: str, listening: Listening) -> None:
        if not self._is_unset(flow, listening, self._host.name):
            for protocol in flow.protocols:
                self._mentions[flow.forwarded][Mention(flow.name, protocol, listening.ports, peer)] = None

    def _plan_ingress(self, flow: Flow, component: str, listening: Listening) -> None:
        others = self._others(component, flow)
        self._note_families(component, others, flow, INGRESS)
        cidrs = {address for entry in others for address in entry.addresses}
        declared = self._declared.of(component, flow, INGRESS)
        if declared is not ANY:
            cidrs.update(declared.addresses if isinstance(declared, Members) else ())
            if not cidrs:
                return
        if not self._is_unset(flow, listening, self._host.name):
            self._add(INGRESS, flow, component, listening, ANY if declared is ANY else self._members(cidrs))

    def _plan_egress(self, flow: Flow, component: str, tables: dict[str, PortTable]) -> bool:
        """Returns whether the flow applies to any listener."""
        by_listening: dict[Listening, set[str]] = {}
        others: list[Entry] = []
        for entry in self._others(component, flow):
            listening = self._book.listening(entry.option_set).get(flow.id)
            if listening is not None:
                others.append(entry)
                if not self._is_unset(flow, listening, entry.host):
                    by_listening.setdefault(listening, set()).update(entry.addresses)
        self._note_families(component, others, flow, EGRESS)
        of_any: Listening | None = None
        applying = [platform for platform in PLATFORMS if flow.id in tables[platform]]
        declared = self._declared.of(component, flow, EGRESS) if applying else None
        if declared is ANY or (isinstance(declared, Members) and declared.addresses):
            # a listener that is known only by addresses has the options of this host
            own = tables[applying[0]][flow.id]
            if self._is_unset(flow, own, f'{self._host.name} ({component} is known only by addresses)'):
                return True
            of_any = own if declared is ANY else None
            by_listening.setdefault(own, set()).update(declared.addresses if isinstance(declared, Members) else ())
            self._warn_of_platform(component, flow, applying)
        for listening, cidrs in by_listening.items():
            self._add(EGRESS, flow, component, listening, ANY if listening == of_any else self._members(cidrs))
        return bool(others or applying)

    def _is_unset(self, flow: Flow, listening: Listening, host: str) -> bool:
        """Whether the flow needs an option that has no value, which is a problem then."""
        for name in listening.unset:
            text = (
                f'{host}: {flow.product}_{name}: has no value, but the flow {flow.name} ({flow.title}) applies and '
                'needs it; set it in the inventory'
            )
            self._unset[text] = None
        return bool(listening.unset)

    def _warn_of_platform(self, component: str, flow: Flow, applying: list[str]) -> None:
        if len(applying) < len(PLATFORMS):
            text = 'known only by addresses, so its platform is unknown; the flows of every platform are planned'
            self._notes.add(f'{component}: {text}', EGRESS, flow)

    def _others(self, component: str, flow: Flow) -> list[Entry]:
        """The other hosts with COMPONENT that FLOW joins with this one."""
        entries = self._book.peers(component, self._host.deployments_of(flow.product), flow.between)
        return [entry for entry in entries if entry.host != self._host.name]

    def _note_families(self, component: str, others: list[Entry], flow: Flow, direction: str) -> None:
        """Name the hosts that no packet reaches: they have addresses of the other family only."""
        apart = [entry.host for entry in others if self._families.isdisjoint(families(entry.addresses))]
        if apart and self._families:
            known, missing = ('IPv6', 'IPv4') if IPV6 in self._families else ('IPv4', 'IPv6')
            self._notes.add(
                f'{component}: {few(apart)}: {missing} addresses only, and the inventory gives none of these here, '
                f'only {known} ones, so no packet passes; declare the other addresses in portmatrix_addresses',
                direction,
                flow,
            )

    def _members(self, cidrs: t.Iterable[str]) -> Members:
        key = frozenset(cidrs)
        if key not in self._merged:
            self._merged[key] = Members(tuple(addresses.merge(key)))
        return self._merged[key]

    def _add(self, direction: str, flow: Flow, component: str, listening: Listening, peers: Peers) -> None:
        if flow.doubtful:
            self._notes.add(f'{component}: the document is doubtful: {flow.doubtful}', direction, flow)
        if direction == EGRESS and listening.groups:
            peers = self._members(addresses.ordered(listening.groups))  # that is where the packets go
        self._rules.add(direction, flow, component, listening, peers)
