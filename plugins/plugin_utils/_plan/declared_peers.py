# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peers of a host other than inventory hosts: addresses that are declared for a component, those that its document
gives, and what applies if it has neither."""

from __future__ import annotations

import typing as t

from ...module_utils._model.directions import INGRESS
from ...module_utils._model.peers import ANY, Members, Peers
from .._base import addresses
from .._catalog.model import SAME, Catalogs, Flow
from .._inventory import deployments
from .._inventory.address_book import AddressBook, Host
from .._inventory.deployments import Deployments
from .._inventory.settings import Settings
from .notes import Notes
from .rules import Gap

_NO_EGRESS_RULE = (
    'egress is not enforced, so there is no egress rule for them; before you set portmatrix_egress: deny, declare '
    'their hosts, or set portmatrix_peers to their addresses (an empty list for what nobody has)'
)


class DeclaredPeers:
    """Of one host. `gaps`: components that have neither hosts nor addresses."""

    def __init__(self, host: Host, settings: Settings, catalogs: Catalogs, book: AddressBook, notes: Notes) -> None:
        self._host, self._settings, self._catalogs, self._book, self._notes = host, settings, catalogs, book, notes
        self.gaps: set[Gap] = set()
        # product -> components without an egress rule, because no host has them
        self._without_rule: dict[str, set[str]] = {}

    def of(self, component: str, flow: Flow, direction: str) -> Peers | None:
        """The peers of FLOW that play COMPONENT. None: there are none."""
        definition = self._catalogs[flow.product].components[component.partition('.')[2]]
        declared = self._settings.peers.get(component)
        missing = () if declared is not None else self._deployments_without(component, flow)
        if not missing:
            return declared
        if definition['addresses'] or definition['names'] or definition['networks']:
            return self._of_document(component, definition, flow, direction, missing)
        own = self._host.deployments_of(flow.product)
        if definition['external'] and missing != own:
            return declared
        if definition['external']:
            self._notes.add(
                f'{component}: external and without addresses, so {direction} is open to any; set '
                f'portmatrix_peers[{component!r}] to restrict it',
                direction,
                flow,
            )
            return ANY
        reason = 'the document does not say who opens these connections' if definition['unstated'] else ''
        return self._unresolved(component, flow, direction, missing, reason)

    def warnings(self) -> t.Iterator[str]:
        """One for all components without an egress rule: nothing depends on these."""
        for product, components in self._without_rule.items():
            where = deployments.text(self._host.deployments_of(product), self._elsewhere(*components))
            yield f'{", ".join(sorted(components))}: no host has these components{where}; {_NO_EGRESS_RULE}'

    def _elsewhere(self, *components: str) -> Deployments:
        """The deployments in which hosts have COMPONENTS that this one does not find in its own."""
        return tuple(sorted({name for component in components for name in self._book.deployments_with(component)}))

    def _deployments_without(self, component: str, flow: Flow) -> Deployments:
        """The deployments of this host in which no host has COMPONENT; a flow between them may find it elsewhere."""
        own = self._host.deployments_of(flow.product)
        if flow.between != SAME and self._book.peers(component, own, flow.between):
            return ()
        return tuple(name for name in own if not self._book.peers(component, (name,), SAME))

    def _of_document(
        self, component: str, definition: dict[str, t.Any], flow: Flow, direction: str, missing: Deployments
    ) -> Peers | None:
        """The addresses that the document gives: fixed ones, those of options, those of names."""
        options = self._host.options[flow.product]
        unset = [f'{flow.product}_{name}' for name in definition['networks'] if options[name] is None]
        if unset:
            reason = f'set {", ".join(unset)}, which says what its addresses are'
            return self._unresolved(component, flow, direction, missing, reason)
        if definition.get('unknown_names'):
            reason = f'the controller cannot resolve {", ".join(definition["unknown_names"])}'
            return self._unresolved(component, flow, direction, missing, reason)
        if definition['names'] and self._is_enforced(direction):
            self._notes.add(
                f'{component}: the addresses are those that the controller gets for {", ".join(definition["names"])}; '
                f'set portmatrix_peers[{component!r}] if this host gets others, or if they change',
                direction,
                flow,
            )
        cidrs = [*definition['addresses'], *(cidr for name in definition['networks'] for cidr in options[name])]
        return Members(tuple(addresses.merge(cidrs)))

    def _is_enforced(self, direction: str) -> bool:
        return direction == INGRESS or self._settings.egress == 'deny'

    def _unresolved(
        self, component: str, flow: Flow, direction: str, own: Deployments, reason: str = ''
    ) -> Peers | None:
        """OWN: the deployments of this host in which no host has COMPONENT; REASON: what else is to be said of it."""
        elsewhere = self._elsewhere(component)
        advice = (
            f'no host has this component{deployments.text(own, elsewhere)}{f" ({reason})" if reason else ""}; declare '
            f'one, or set portmatrix_peers[{component!r}] to its addresses (an empty list if no host has this '
            'component)'
        )
        is_refused = self._settings.unresolved == 'fail' and self._is_enforced(direction)
        self.gaps.add(Gap(component, direction, is_refused, own, elsewhere, reason))
        if self._settings.unresolved == 'any':
            text = f'{component}: {advice}; portmatrix_unresolved is any, so {direction} is open to any'
            self._notes.add(text, direction, flow)
            return ANY
        if not self._is_enforced(direction):
            self._without_rule.setdefault(flow.product, set()).add(component)
        elif not is_refused:
            text = f'{component}: {advice}; portmatrix_unresolved is skip, so there is no {direction} rule for it'
            self._notes.add(text, direction, flow)
        return None
