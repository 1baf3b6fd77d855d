# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: from catalogs and the address book to the rules of one host. Pure, deterministic and fail-closed."""

from __future__ import annotations

import typing as t

from ...module_utils._model.directions import EGRESS, INGRESS
from ...module_utils._model.peers import ANY, Members, Peers
from .._base import addresses
from .._base.words import few
from .._catalog.listeners import PortTable, port_table
from .._catalog.model import SAME, Catalogs, Flow, products_of
from .._catalog.options import PLATFORMS
from .._inventory import deployments
from .._inventory.address_book import AddressBook, Entry, Host
from .._inventory.deployments import Deployments
from .._inventory.settings import Settings
from .rules import Gap, HostPlan, Rule

_NO_EGRESS_RULE = (
    'egress is not enforced, so there is no egress rule for them; before you set portmatrix_egress: deny, declare '
    'their hosts, or set portmatrix_peers to their addresses (an empty list for what nobody has)'
)


IPV4, IPV6 = 4, 6


def families(addresses_of_host: t.Iterable[str]) -> frozenset[int]:
    return frozenset(IPV6 if ':' in address else IPV4 for address in addresses_of_host)


def plan_host(host: Host, settings: Settings, catalogs: Catalogs, book: AddressBook) -> HostPlan:
    """The plan of HOST: all its components, in both directions."""
    return _HostPlanner(host, settings, catalogs, book).plan()


class _HostPlanner:
    def __init__(self, host: Host, settings: Settings, catalogs: Catalogs, book: AddressBook) -> None:
        self.host, self.settings, self.catalogs, self.book = host, settings, catalogs, book
        self.rules: dict[tuple[str, str, tuple[str, ...], Peers], Rule] = {}
        # (text, direction, product) of a warning -> flows
        self.notes: dict[tuple[str, str, str], list[str]] = {}
        # product -> components without an egress rule, because no host has them
        self.without_rule: dict[str, set[str]] = {}
        self.gaps: set[Gap] = set()
        self._merged: dict[frozenset[str], Members] = {}
        self.families = families(host.addresses)

    def plan(self) -> HostPlan:
        for product in products_of(self.host.components):
            self._plan_product(product)
        warnings = sorted(
            f'{text} (flows: {few(list(dict.fromkeys(flows)))})' for (text, *_), flows in self.notes.items()
        )
        # nothing depends on these, so one warning for all of them is enough
        for product, components in self.without_rule.items():
            where = deployments.text(self.host.deployments_of(product), self._elsewhere(*components))
            warnings.append(f'{", ".join(sorted(components))}: no host has these components{where}; {_NO_EGRESS_RULE}')
        rules = tuple(sorted(self.rules.values(), key=Rule.order))
        return HostPlan(rules, tuple(warnings), tuple(sorted(self.gaps)))

    def _elsewhere(self, *components: str) -> tuple[str, ...]:
        """The deployments in which hosts have COMPONENTS that this one does not find in its own."""
        return tuple(sorted({name for component in components for name in self.book.deployments_with(component)}))

    def _plan_product(self, product: str) -> None:
        catalog, options = self.catalogs[product], self.host.options[product]
        prefix = f'{product}.'
        own = {name[len(prefix) :] for name in self.host.components if name.startswith(prefix)}
        tables = {platform: port_table(catalog, options, platform) for platform in PLATFORMS}
        listening = tables[self.host.platform]
        for flow in catalog.flows:
            for source, destination in flow.pairs:
                if destination in own and flow.id in listening:
                    self._plan_ingress(flow, prefix + source, listening[flow.id])
                if source in own:
                    self._plan_egress(flow, prefix + destination, tables)

    def _plan_ingress(self, flow: Flow, component: str, ports: list[str]) -> None:
        others = self._others(component, flow)
        self._note_families(component, others, flow, INGRESS)
        cidrs = {address for entry in others for address in entry.addresses}
        declared = self._declared_peers(component, flow, INGRESS)
        if declared is ANY:
            self._add(INGRESS, flow, component, ports, ANY)
            return
        cidrs.update(declared.addresses if declared else ())
        if cidrs:
            self._add(INGRESS, flow, component, ports, self._members(cidrs))

    def _plan_egress(self, flow: Flow, component: str, tables: dict[str, PortTable]) -> None:
        by_ports: dict[tuple[str, ...], set[str]] = {}
        others = self._others(component, flow)
        listening = {
            number: self.book.listening(number).get(flow.id) for number in {entry.option_set for entry in others}
        }
        others = [entry for entry in others if listening[entry.option_set] is not None]
        self._note_families(component, others, flow, EGRESS)
        for entry in others:
            by_ports.setdefault(tuple(listening[entry.option_set] or ()), set()).update(entry.addresses)
        open_ports: tuple[str, ...] | None = None
        applying = [platform for platform in PLATFORMS if flow.id in tables[platform]]
        declared = self._declared_peers(component, flow, EGRESS) if applying else None
        if declared is ANY or (declared and declared.addresses):
            # a listener that is known only by addresses has the options of this host
            ports_of_addresses = tuple(tables[applying[0]][flow.id])
            if declared is ANY:
                open_ports = ports_of_addresses
                by_ports.setdefault(ports_of_addresses, set())
            elif declared:
                by_ports.setdefault(ports_of_addresses, set()).update(declared.addresses)
            self._warn_of_platform(component, flow, applying)
        for listened, cidrs in by_ports.items():
            peers = ANY if listened == open_ports else self._members(cidrs)
            self._add(EGRESS, flow, component, list(listened), peers)

    def _warn_of_platform(self, component: str, flow: Flow, applying: list[str]) -> None:
        if len(applying) < len(PLATFORMS):
            text = 'known only by addresses, so its platform is unknown; the flows of every platform are planned'
            self._note(f'{component}: {text}', EGRESS, flow)

    def _others(self, component: str, flow: Flow) -> list[Entry]:
        """The other hosts with COMPONENT that FLOW joins with this one."""
        entries = self.book.peers(component, self.host.deployments_of(flow.product), flow.between)
        return [entry for entry in entries if entry.host != self.host.name]

    def _note_families(self, component: str, others: list[Entry], flow: Flow, direction: str) -> None:
        """Name the hosts that no packet reaches: they have addresses of the other family only."""
        apart = [entry.host for entry in others if self.families.isdisjoint(families(entry.addresses))]
        if apart and self.families:
            known, missing = ('IPv6', 'IPv4') if IPV6 in self.families else ('IPv4', 'IPv6')
            self._note(
                f'{component}: {few(apart)}: {missing} addresses only, and the inventory gives none of these here, '
                f'only {known} ones, so no packet passes; declare the other addresses in portmatrix_addresses',
                direction,
                flow,
            )

    def _deployments_without(self, component: str, flow: Flow) -> Deployments:
        """The deployments of this host in which no host has COMPONENT; a flow between them may find it elsewhere."""
        own = self.host.deployments_of(flow.product)
        if flow.between != SAME and self.book.peers(component, own, flow.between):
            return ()
        return tuple(name for name in own if not self.book.peers(component, (name,), SAME))

    def _declared_peers(self, component: str, flow: Flow, direction: str) -> Peers | None:
        """The addresses of COMPONENT other than those of inventory hosts: declared ones, or what applies if it has
        neither hosts nor addresses. None: there are none."""
        definition = self.catalogs[flow.product].components[component.partition('.')[2]]
        declared = self.settings.peers.get(component)
        missing = () if declared is not None else self._deployments_without(component, flow)
        if not missing:
            return declared
        if definition['addresses']:
            return Members(tuple(definition['addresses']))
        own = self.host.deployments_of(flow.product)
        if definition['external'] and missing != own:
            return declared
        if definition['external']:
            self._note(
                f'{component}: external and without addresses, so {direction} is open to any; set '
                f'portmatrix_peers[{component!r}] to restrict it',
                direction,
                flow,
            )
            return ANY
        return self._unresolved_peers(component, flow, direction, missing)

    def _unresolved_peers(self, component: str, flow: Flow, direction: str, own: Deployments) -> Peers | None:
        """OWN: the deployments of this host in which no host has COMPONENT."""
        elsewhere = self._elsewhere(component)
        advice = (
            f'no host has this component{deployments.text(own, elsewhere)}; declare one, or set '
            f'portmatrix_peers[{component!r}] to its addresses (an empty list if no host has this component)'
        )
        is_enforced = direction == INGRESS or self.settings.egress == 'deny'
        is_refused = self.settings.unresolved == 'fail' and is_enforced
        self.gaps.add(Gap(component, direction, is_refused, own, elsewhere))
        if self.settings.unresolved == 'any':
            text = f'{component}: {advice}; portmatrix_unresolved is any, so {direction} is open to any'
            self._note(text, direction, flow)
            return ANY
        if not is_enforced:
            self.without_rule.setdefault(flow.product, set()).add(component)
        elif not is_refused:
            text = f'{component}: {advice}; portmatrix_unresolved is skip, so there is no {direction} rule for it'
            self._note(text, direction, flow)
        return None

    def _note(self, text: str, direction: str, flow: Flow) -> None:
        self.notes.setdefault((text, direction, flow.product), []).append(flow.name)

    def _members(self, cidrs: t.Iterable[str]) -> Members:
        key = frozenset(cidrs)
        if key not in self._merged:
            self._merged[key] = Members(tuple(addresses.merge(key)))
        return self._merged[key]

    def _add(self, direction: str, flow: Flow, component: str, ports: list[str], peers: Peers) -> None:
        """Add a rule for each protocol. What is documented twice is one rule with both citations."""
        for protocol in flow.protocols:
            key = (direction, protocol, tuple(ports), peers)
            rule = self.rules.get(key) or Rule(direction, protocol, tuple(ports), component, peers, (), (), True)
            new_citations = (citation for citation in flow.citations if citation not in rule.citations)
            self.rules[key] = rule._replace(
                flows=(*rule.flows, *({flow.name} - set(rule.flows))),
                assumed=rule.assumed and flow.assumed,
                citations=(*rule.citations, *new_citations),
            )
