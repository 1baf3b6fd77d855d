# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of hosts that documents give as destinations, resolved on the controller. Nothing is asked for what no host of
the inventory talks to."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses
from .._catalog.loader import BASELINE
from .._catalog.model import Catalog, Catalogs
from .address_book import Host
from .resolver import Names


def resolve(catalogs: Catalogs, hosts: t.Iterable[Host], names: Names) -> Catalogs:
    """CATALOGS whose components have the addresses of their `names` too; `unknown_names` are those without any."""
    played = {component for host in hosts for component in host.components} | {f'{BASELINE}.host'}
    needed = {product: _needed(catalog, played) for product, catalog in catalogs.items()}
    names.prepare(
        name
        for product, components in needed.items()
        for component in components
        for name in catalogs[product].components[component]['names']
    )
    return {
        product: _with_addresses(catalog, needed[product], names) if needed[product] else catalog
        for product, catalog in catalogs.items()
    }


def _needed(catalog: Catalog, played: t.Container[str]) -> list[str]:
    """The components with names that a host talks to."""
    named = {name for name, component in catalog.components.items() if component['names']}
    pairs = (pair for flow in catalog.flows if named for pair in flow.pairs)
    return sorted(
        {
            here
            for pair in pairs
            for here, there in (pair, pair[::-1])
            if here in named and f'{catalog.product}.{there}' in played
        }
    )


def _with_addresses(catalog: Catalog, needed: list[str], names: Names) -> Catalog:
    components = dict(catalog.components)
    for component in needed:
        definition = components[component]
        cidrs, unknown = list(definition['addresses']), []
        for name in definition['names']:
            try:
                cidrs.extend(names.cidrs(name, f'{catalog.product}.{component}'))
            except PortmatrixError:
                unknown.append(name)
        components[component] = {**definition, 'addresses': addresses.merge(cidrs), 'unknown_names': unknown}
    return catalog._replace(components=components)
