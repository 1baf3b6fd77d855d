# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: from catalogs and the address book to the rules of one host. Pure, deterministic and fail-closed."""

from __future__ import annotations

import typing as t

from .._base import addresses
from .._catalog import conditions, listeners
from .._catalog.loader import Catalog, Flow
from .._inventory.address_book import AddressBook, Host

ANY = (addresses.ANY,)
DIRECTIONS = ('ingress', 'egress')
_UNPLAYED = (
    'no host plays these, and egress is not enforced, so egress there has no rule; before you deny egress, declare their hosts, or set portmatrix_peers '
    'to their addresses (an empty list where nobody plays one)'
)


class Settings(t.NamedTuple):
    """How one host wants its plan and policy. `peers`: component -> canonical CIDRs, ("any",), or () where nobody plays it."""

    peers: dict[str, tuple[str, ...]]
    unresolved: str = 'fail'
    egress: str = 'allow'
    exclusive: bool = False
    management_sources: tuple[str, ...] = ANY
    management_ports: tuple[int, ...] = ()
    backend: str = 'auto'


class Rule(t.NamedTuple):
    """One rule of a host. `ports` are texts, empty for protocols without ports; `peers` are canonical CIDRs or ("any",)."""

    direction: str
    protocol: str
    ports: tuple[str, ...]
    peer: str
    peers: tuple[str, ...]
    flows: tuple[str, ...]
    citations: tuple[dict[str, str], ...]
    assumed: bool


class Gap(t.NamedTuple):
    """A component that nobody plays and that has no addresses. `refused`: the host's settings do not let that pass."""

    component: str
    direction: str
    refused: bool


class HostPlan(t.NamedTuple):
    rules: tuple[Rule, ...]
    warnings: tuple[str, ...]
    gaps: tuple[Gap, ...]

    @property
    def refused(self) -> tuple[Gap, ...]:
        return tuple(gap for gap in self.gaps if gap.refused)


def plan_host(host: Host, settings: Settings, catalogs: dict[str, Catalog], book: AddressBook) -> HostPlan:
    """Plan all components of HOST at once, in both directions."""
    return _HostPlanner(host, settings, catalogs, book).plan()


class _HostPlanner:
    def __init__(self, host: Host, settings: Settings, catalogs: dict[str, Catalog], book: AddressBook):
        self.host, self.settings, self.catalogs, self.book = host, settings, catalogs, book
        self.rules: dict[tuple[t.Any, ...], Rule] = {}
        self.notes: dict[tuple[str, str, str], list[str]] = {}
        self.unplayed: dict[str, list[tuple[str, str]]] = {}
        self.gaps: set[Gap] = set()
        self._merged: dict[frozenset[str], tuple[str, ...]] = {}

    def plan(self) -> HostPlan:
        for product in sorted({component.partition('.')[0] for component in self.host.components}):
            catalog = self.catalogs[product]
            mine = {
                component.partition('.')[2] for component in self.host.components if component.startswith(f'{product}.')
            }
            options = self.host.options[product]
            by_platform = {platform: listeners.table(catalog, options, platform) for platform in conditions.PLATFORMS}
            for flow in catalog.flows:
                for source, destination in flow.pairs:
                    if destination in mine and flow.id in by_platform[self.host.platform]:
                        self._ingress(flow, f'{product}.{source}', by_platform[self.host.platform][flow.id])
                    if source in mine:
                        self._egress(flow, f'{product}.{destination}', by_platform)
        for product, found in self.unplayed.items():  # nothing depends on them, so one warning for all is enough
            components = ', '.join(sorted({component for component, _flow in found}))
            self.notes[f'{components}: {_UNPLAYED}', 'egress', product] = sorted({flow for _component, flow in found})
        warnings = tuple(
            sorted(f'{text} (flows: {", ".join(dict.fromkeys(flows))})' for (text, *rest), flows in self.notes.items())
        )
        return HostPlan(tuple(sorted(self.rules.values(), key=_order)), warnings, tuple(sorted(self.gaps)))

    def _ingress(self, flow: Flow, component: str, ports: list[str]) -> None:
        others = [entry for entry in self.book.members(component) if entry.host != self.host.name]
        found = {address for entry in others for address in entry.addresses}
        stated = self._stated(component, flow, 'ingress')
        if stated == ANY or found or stated:
            self._add('ingress', flow, component, ports, ANY if stated == ANY else (*found, *(stated or ())))

    def _egress(self, flow: Flow, component: str, by_platform: dict[str, dict[str, list[str]]]) -> None:
        reach: dict[tuple[str, ...], set[str]] = {}
        for entry in self.book.members(component):
            ports = self.book.listening(entry.listens).get(flow.id)
            if entry.host != self.host.name and ports is not None:
                reach.setdefault(tuple(ports), set()).update(entry.addresses)
        applying = [platform for platform in conditions.PLATFORMS if flow.id in by_platform[platform]]
        if applying:
            stated = self._stated(component, flow, 'egress')
            if stated:
                reach.setdefault(tuple(by_platform[applying[0]][flow.id]), set()).update(stated)
                if len(applying) < len(conditions.PLATFORMS):
                    self._note(
                        f'{component}: known by addresses only, so its platform is unknown; the flows of every platform are planned',
                        'egress',
                        flow,
                    )
        for listened, found in reach.items():
            self._add('egress', flow, component, list(listened), ANY if addresses.ANY in found else tuple(found))

    def _stated(self, component: str, flow: Flow, direction: str) -> tuple[str, ...] | None:
        """Addresses of COMPONENT beyond the inventory's hosts: stated ones, or what its absence means. None: nobody."""
        definition = self.catalogs[flow.product].components[component.partition('.')[2]]
        stated = self.settings.peers.get(component)
        if stated is not None or self.book.members(component):
            return stated
        if definition['addresses']:
            return tuple(definition['addresses'])
        if definition['external']:
            self._note(
                f'{component}: external and without addresses, so {direction} is open to any; set portmatrix_peers[{component!r}] to narrow it',
                direction,
                flow,
            )
            return ANY
        return self._unknown(component, flow, direction)

    def _unknown(self, component: str, flow: Flow, direction: str) -> tuple[str, ...] | None:
        advice = f'no host plays it; declare one, or set portmatrix_peers[{component!r}] to its addresses (an empty list where nobody plays it)'
        enforced = direction == 'ingress' or self.settings.egress == 'deny'
        refused = self.settings.unresolved == 'fail' and enforced
        self.gaps.add(Gap(component, direction, refused))
        if self.settings.unresolved == 'any':
            self._note(
                f'{component}: {advice}; portmatrix_unresolved is any, so {direction} is open to any', direction, flow
            )
            return ANY
        if not enforced:
            self.unplayed.setdefault(flow.product, []).append((component, flow.name))
        elif not refused:
            self._note(
                f'{component}: {advice}; portmatrix_unresolved is skip, so its {direction} has no rule', direction, flow
            )
        return None

    def _note(self, text: str, direction: str, flow: Flow) -> None:
        self.notes.setdefault((text, direction, flow.product), []).append(flow.name)

    def _add(self, direction: str, flow: Flow, component: str, ports: list[str], peers: t.Iterable[str]) -> None:
        """Add a rule for each protocol. What is documented twice is one rule with both citations."""
        found = frozenset(peers)
        if found not in self._merged:
            self._merged[found] = ANY if addresses.ANY in found else tuple(addresses.merge(found))
        merged = self._merged[found]
        for protocol in flow.protocols:
            key = (direction, protocol, tuple(ports), merged)
            rule = self.rules.get(key) or Rule(direction, protocol, tuple(ports), component, merged, (), (), True)
            self.rules[key] = rule._replace(
                flows=(*rule.flows, *({flow.name} - set(rule.flows))),
                assumed=rule.assumed and flow.assumed,
                citations=(
                    *rule.citations,
                    *(citation for citation in flow.citations if citation not in rule.citations),
                ),
            )


def _order(rule: Rule) -> tuple[t.Any, ...]:
    return (
        DIRECTIONS.index(rule.direction),
        rule.protocol,
        [[int(part) for part in text.split('-')] for text in rule.ports],
        rule.peer,
        rule.flows,
        rule.peers,
    )
