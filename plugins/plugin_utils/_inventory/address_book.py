# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address book: which hosts have which component, at which addresses, and what each of them listens on.

It is built once for a task from the whole inventory. It is deterministic: the same inventory gives the same bytes.
"""

from __future__ import annotations

import json
import typing as t

from .._base import addresses
from .._catalog.listeners import PortTable, port_table
from .._catalog.model import Catalogs, product_of
from . import deployments, shared_addresses
from .deployments import Deployments
from .settings import ProductOptions


class Host(t.NamedTuple):
    """What the inventory declares of one host. `components` are "product.component", `options` complete values by
    product, `addresses` canonical CIDRs, `deployments` its deployments by product; one that is not `managed` is a peer
    of others only; `floating`: addresses that it may hold in turn with others."""

    name: str
    components: tuple[str, ...]
    addresses: tuple[str, ...]
    platform: str
    options: ProductOptions
    deployments: dict[str, Deployments] = {}
    managed: bool = True
    floating: tuple[str, ...] = ()

    @classmethod
    def from_data(cls, data: dict[str, t.Any]) -> Host:
        """From the result of `_asdict`, by way of JSON."""
        tuples = {name: tuple(data[name]) for name in ('components', 'addresses', 'floating')}
        own = {product: tuple(names) for product, names in data['deployments'].items()}
        return cls(**{**data, **tuples, 'deployments': own})

    def deployments_of(self, product: str) -> Deployments:
        return self.deployments.get(product, deployments.NOT_STATED)


class Entry(t.NamedTuple):
    """One host that has a component; `option_set` is the number of its port table."""

    host: str
    addresses: tuple[str, ...]
    option_set: int
    deployments: Deployments = deployments.NOT_STATED

    @classmethod
    def from_data(cls, data: dict[str, t.Any]) -> Entry:
        """From the result of `_asdict`, by way of JSON."""
        return cls(**{**data, **{name: tuple(data[name]) for name in ('addresses', 'deployments')}})


class AddressBook:
    """Component -> entries, and option set -> what listens there.

    `peers(component, ...)` and `listening(option_set)` are all that the planner needs.
    """

    def __init__(self, members: t.Callable[[str], t.Sequence[Entry]], port_tables: t.Sequence[PortTable]) -> None:
        self._members = members
        self._port_tables = port_tables
        self._peers: dict[tuple[str, Deployments, str], list[Entry]] = {}

    def peers(self, component: str, own: Deployments, between: str) -> list[Entry]:
        """The hosts with COMPONENT that a flow with `between: BETWEEN` joins with a host of the deployments OWN."""
        key = (component, own, between)
        if key not in self._peers:
            self._peers[key] = [
                entry for entry in self._members(component) if deployments.joins(between, own, entry.deployments)
            ]
        return self._peers[key]

    def deployments_with(self, component: str) -> list[str]:
        """The deployments in which any host has COMPONENT."""
        return sorted({name for entry in self._members(component) for name in entry.deployments})

    def listening(self, option_set: int) -> PortTable:
        return self._port_tables[option_set]


EMPTY = AddressBook(lambda component: (), ())


class Contents(t.NamedTuple):
    """The address book as data: `entries` by component, and the port table of each distinct set of options. `shared`:
    hosts of one component that share addresses, with the problem in words."""

    entries: dict[str, list[Entry]]
    port_tables: list[PortTable]
    shared: list[tuple[frozenset[str], str]] = []

    def book(self) -> AddressBook:
        return AddressBook(lambda component: self.entries.get(component, []), self.port_tables)


def build(hosts: t.Collection[Host], catalogs: Catalogs) -> Contents:
    """The address book of HOSTS."""
    option_sets: dict[str, int] = {}
    port_tables: list[PortTable] = []
    entries: dict[str, list[Entry]] = {}
    for host in sorted(hosts, key=lambda host: host.name):
        for component in host.components:
            product = product_of(component)
            key = json.dumps([product, host.platform, host.options[product]], sort_keys=True)
            if key not in option_sets:
                option_sets[key] = len(port_tables)
                port_tables.append(port_table(catalogs[product], host.options[product], host.platform))
            entry = Entry(host.name, host.addresses, option_sets[key], host.deployments_of(product))
            entries.setdefault(component, []).append(entry)
    # an address that moves between hosts is no mistake, wherever one of them is meant
    shared = [
        one for component, members in sorted(entries.items()) for one in shared_addresses.find(component, members)
    ]
    floating = {host.name: host.floating for host in hosts}
    whole = {
        component: [
            entry._replace(addresses=tuple(addresses.ordered((*entry.addresses, *floating[entry.host]))))
            for entry in members
        ]
        for component, members in entries.items()
    }
    return Contents(whole, port_tables, shared)
