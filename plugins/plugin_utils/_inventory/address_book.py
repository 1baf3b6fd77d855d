# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address book: which hosts have which component, at which addresses, and what each of them listens on.

It is built once for a task from the whole inventory. It is deterministic: the same inventory gives the same bytes.
"""

from __future__ import annotations

import json
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.libraries import netaddr
from .._catalog.listeners import PortTable, port_table
from .._catalog.model import Catalogs, product_of
from .settings import ProductOptions


class Host(t.NamedTuple):
    """What the inventory declares of one host. `components` are "product.component", `options` complete values by
    product, `addresses` canonical CIDRs."""

    name: str
    components: tuple[str, ...]
    addresses: tuple[str, ...]
    platform: str
    options: ProductOptions

    @classmethod
    def from_data(cls, data: dict[str, t.Any]) -> Host:
        """From the result of `_asdict`, by way of JSON."""
        return cls(**{**data, 'components': tuple(data['components']), 'addresses': tuple(data['addresses'])})


class Entry(t.NamedTuple):
    """One host that has a component; `option_set` is the number of its port table."""

    host: str
    addresses: tuple[str, ...]
    option_set: int

    @classmethod
    def from_data(cls, data: dict[str, t.Any]) -> Entry:
        """From the result of `_asdict`, by way of JSON."""
        return cls(**{**data, 'addresses': tuple(data['addresses'])})


class AddressBook:
    """Component -> entries, and option set -> what listens there.

    `members(component)` and `listening(option_set)` are all that the planner needs.
    """

    def __init__(self, members: t.Callable[[str], t.Sequence[Entry]], port_tables: t.Sequence[PortTable]) -> None:
        self.members = members
        self._port_tables = port_tables

    def listening(self, option_set: int) -> PortTable:
        return self._port_tables[option_set]


EMPTY = AddressBook(lambda component: (), ())


class Contents(t.NamedTuple):
    """The address book as data: `entries` by component, and the port table of each distinct set of options."""

    entries: dict[str, list[Entry]]
    port_tables: list[PortTable]

    def book(self) -> AddressBook:
        return AddressBook(lambda component: self.entries.get(component, []), self.port_tables)


def build(hosts: t.Iterable[Host], catalogs: Catalogs, minimum: dict[str, int]) -> Contents:
    """The address book of HOSTS.

    Raises PortmatrixError for every address that two hosts with the same component share, and for every component with
    fewer hosts than its declared MINIMUM.
    """
    option_sets: dict[str, int] = {}
    port_tables: list[PortTable] = []
    entries: dict[str, list[Entry]] = {}
    for host in sorted(hosts):
        for component in host.components:
            product = product_of(component)
            key = json.dumps([product, host.platform, host.options[product]], sort_keys=True)
            if key not in option_sets:
                option_sets[key] = len(port_tables)
                port_tables.append(port_table(catalogs[product], host.options[product], host.platform))
            entries.setdefault(component, []).append(Entry(host.name, host.addresses, option_sets[key]))
    problems = [
        text for component, members in sorted(entries.items()) for text in _shared_addresses(component, members)
    ]
    problems.extend(_too_few_hosts(entries, minimum))
    if problems:
        raise PortmatrixError(*problems)
    return Contents(entries, port_tables)


def _too_few_hosts(entries: dict[str, list[Entry]], minimum: dict[str, int]) -> t.Iterator[str]:
    for component, least in sorted(minimum.items()):
        number = len(entries.get(component, []))
        if number < least:
            yield (
                f'portmatrix_minimum: {component} must have at least {least} hosts, the inventory has {number}; '
                'complete the inventory (is it sliced or filtered?), or lower the minimum'
            )


def _shared_addresses(component: str, members: list[Entry]) -> t.Iterator[str]:
    """Hosts whose addresses overlap: each is compared with the earlier one whose addresses end last."""
    parsed = [(netaddr.IPNetwork(text), entry.host, text) for entry in members for text in entry.addresses]
    furthest = None
    for span in sorted((network.version, network.first, network.last, host, text) for network, host, text in parsed):
        version, first, last, host, text = span
        if furthest and furthest[0] == version and first <= furthest[2] and host != furthest[3]:
            equal = text == furthest[4]
            same = f'have the same address {text}' if equal else f'share addresses ({furthest[4]}, {text})'
            yield (
                f'{component}: the hosts {furthest[3]} and {host} {same}; set distinct ones in ansible_host or '
                'portmatrix_addresses'
            )
        if not furthest or furthest[0] != version or last > furthest[2]:
            furthest = span
