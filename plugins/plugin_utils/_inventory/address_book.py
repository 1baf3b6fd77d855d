# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address book: which hosts play which component, at which addresses, and what each of them listens on.

Built once for a task from the whole inventory and stored as one file a component, because every host-task runs in a process of its own:
a host reads only the components that it talks to. Everything in here is deterministic: the same inventory gives the same bytes.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ...module_utils._base.errors import PortmatrixError
from .._base.libraries import netaddr
from .._catalog import listeners
from .._catalog.loader import Catalog, Flow


class Host(t.NamedTuple):
    """What the inventory declares of one host. `components` are "product.component", `options` complete values by product, `addresses` canonical."""

    name: str
    components: tuple[str, ...]
    addresses: tuple[str, ...]
    platform: str
    options: dict[str, dict[str, t.Any]]


class Entry(t.NamedTuple):
    """One host that plays a component; `listens` is the number of its option set (AddressBook.listening)."""

    host: str
    addresses: tuple[str, ...]
    listens: int


class AddressBook:
    """Components -> entries, and option sets -> what listens there. `members(component)` and `listening(number)` are all that the planner asks."""

    def __init__(self, members: t.Callable[[str], t.Sequence[Entry]], sets: list[dict[str, list[str]]]):
        self.members = members
        self._sets = sets

    def listening(self, number: int) -> dict[str, list[str]]:
        """Flow id -> ports, for the option set NUMBER."""
        return self._sets[number]


def build(
    hosts: t.Iterable[Host], catalogs: dict[str, Catalog], minimum: dict[str, int]
) -> tuple[dict[str, list[Entry]], list[dict[str, list[str]]]]:
    """Entries by component and the listening tables of the distinct option sets.

    Raises PortmatrixError for every address that two hosts of one component share and every component below its declared MINIMUM.
    """
    numbers: dict[str, int] = {}
    tables: list[dict[str, list[str]]] = []
    entries: dict[str, list[Entry]] = {}
    problems: list[str] = []
    for host in sorted(hosts):
        for component in host.components:
            product = component.partition('.')[0]
            key = json.dumps([product, host.platform, host.options[product]], sort_keys=True)
            if key not in numbers:
                numbers[key] = len(tables)
                tables.append(listeners.table(catalogs[product], host.options[product], host.platform))
            entries.setdefault(component, []).append(Entry(host.name, host.addresses, numbers[key]))
    for component, members in sorted(entries.items()):
        problems.extend(_shared_addresses(component, members))
    problems.extend(
        f'portmatrix_minimum: {component} must be played by at least {least} hosts, the inventory has {len(entries.get(component, []))}; '
        'complete the inventory (is it sliced or filtered?) or lower the minimum'
        for component, least in sorted(minimum.items())
        if len(entries.get(component, [])) < least
    )
    if problems:
        raise PortmatrixError(*problems)
    return entries, tables


def _shared_addresses(component: str, members: list[Entry]) -> t.Iterator[str]:
    """Hosts whose addresses overlap: each is compared with the one before it that reaches furthest."""
    parsed = [(netaddr.IPNetwork(text), entry.host, text) for entry in members for text in entry.addresses]
    furthest = None
    for span in sorted((network.version, network.first, network.last, host, text) for network, host, text in parsed):
        version, first, last, host, text = span
        if furthest and furthest[0] == version and first <= furthest[2] and host != furthest[3]:
            same = (
                f'have the same address {text}' if text == furthest[4] else f'share addresses ({furthest[4]}, {text})'
            )
            yield f'{component}: the hosts {furthest[3]} and {host} {same}; give each its own in ansible_host or portmatrix_addresses'
        if not furthest or furthest[0] != version or last > furthest[2]:
            furthest = span


def save(
    folder: Path, entries: dict[str, list[Entry]], tables: list[dict[str, list[str]]], catalogs: dict[str, Catalog]
) -> None:
    """Write the book and the catalogs it was built with into FOLDER, for open_book."""
    for component, members in entries.items():
        (folder / f'component-{component}.json').write_text(json.dumps(members))
    (folder / 'sets.json').write_text(json.dumps(tables))
    (folder / 'catalogs.json').write_text(
        json.dumps(
            {name: [*catalog[:-1], [list(flow) for flow in catalog.flows]] for name, catalog in catalogs.items()}
        )
    )


def open_book(folder: Path) -> tuple[AddressBook, dict[str, Catalog]]:
    """The book in FOLDER; a component's entries are read when they are first asked for."""
    cache: dict[str, list[Entry]] = {}

    def members(component: str) -> list[Entry]:
        if component not in cache:
            file = folder / f'component-{component}.json'
            cache[component] = (
                [Entry(name, tuple(addresses), number) for name, addresses, number in json.loads(file.read_text())]
                if file.exists()
                else []
            )
        return cache[component]

    stored = json.loads((folder / 'catalogs.json').read_text())
    catalogs = {
        name: Catalog._make([*fields[:-1], tuple(Flow._make(flow) for flow in fields[-1])])
        for name, fields in stored.items()
    }
    return AddressBook(members, json.loads((folder / 'sets.json').read_text())), catalogs
