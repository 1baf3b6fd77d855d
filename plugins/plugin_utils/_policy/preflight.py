# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The survey: read the whole inventory once and check everything that could be wrong with it, before any host is touched."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses
from .._catalog import loader
from .._catalog.loader import Catalog
from .._inventory import address_book, address_book_file, components, inventory, resolver
from .._inventory.address_book import AddressBook, Entry, Host
from .._inventory.inventory import Inventory
from .._plan import planner

BASELINE = 'baseline'


class Survey(t.NamedTuple):
    """`hosts` are those that play a component; `entries` and `tables` make the address book; `warnings` are by host."""

    catalogs: dict[str, Catalog]
    hosts: dict[str, Host]
    entries: dict[str, list[Entry]]
    tables: list[dict[str, list[str]]]
    warnings: dict[str, list[str]]

    @property
    def book(self) -> AddressBook:
        return AddressBook(lambda component: self.entries.get(component, []), self.tables)


def load_catalogs(variables: t.Callable[..., t.Any]) -> dict[str, Catalog]:
    """All catalogs, the baseline among them: portmatrix_catalogs and portmatrix_baseline, relative to the working directory or the inventory."""
    extra = variables('portmatrix_catalogs', [])
    if not isinstance(extra, list) or not all(isinstance(path, str) for path in extra):
        raise PortmatrixError(f'portmatrix_catalogs: {extra!r} is no list of files or folders')
    catalogs = loader.load_catalogs(loader.existing(path, variables('inventory_dir')) for path in extra)
    stated = variables('portmatrix_baseline')
    if isinstance(stated, dict):
        baseline = loader.build(stated, 'portmatrix_baseline', '')
    else:
        baseline = loader.load_file(
            Path(loader.existing(stated, variables('inventory_dir'))) if stated else loader.BASELINE
        )
    if baseline.product != BASELINE or 'host' not in baseline.components:
        raise PortmatrixError(f'{baseline.path}: a baseline is a catalog with product: {BASELINE} and a component host')
    return {**catalogs, BASELINE: baseline}


def products(catalogs: dict[str, Catalog]) -> dict[str, Catalog]:
    """The catalogs whose components hosts can declare: all but the baseline."""
    return {name: catalog for name, catalog in catalogs.items() if name != BASELINE}


def take(
    found: Inventory,
    catalogs: dict[str, Catalog],
    variables: t.Callable[..., t.Any],
    play_hosts: t.Iterable[str],
    egress: str | None = None,
) -> Survey:
    """Survey the whole inventory. Raises one PortmatrixError with every problem of every host; PLAY_HOSTS must also have sound settings and all
    their peers, with EGRESS in place of their own where it is given."""
    stated = variables('portmatrix_address_book')
    _refuse_slices(variables, bool(stated))
    declarable = products(catalogs)
    hosts = address_book_file.read(stated, declarable) if stated else _read_hosts(found, declarable)
    entries, tables = address_book.build(hosts.values(), catalogs, _minimum(found, hosts, variables, declarable))
    result = Survey(catalogs, hosts, entries, tables, components.doubtful_groups(found.groups, declarable))
    _check_play_hosts(result, found, play_hosts, egress)
    return result


def _refuse_slices(variables: t.Callable[..., t.Any], has_book: bool) -> None:
    """A job slice of AWX sees a part of the inventory only; a missing peer would be a missing rule."""
    name = variables('awx_workflow_job_name')
    if (
        not has_book
        and variables('awx_job_launch_type') == 'workflow'
        and name
        and name == variables('awx_job_template_name')
    ):
        raise PortmatrixError(
            'this job is a slice and sees only a part of the inventory; set the slice count of the template to 1, or give the '
            'address book of a whole run in portmatrix_address_book'
        )


def _minimum(
    found: Inventory, hosts: dict[str, Host], variables: t.Callable[..., t.Any], catalogs: dict[str, Catalog]
) -> dict[str, int]:
    """The greatest number that any host's variables declare for a component, so that it does not matter which host asks."""
    least: dict[str, int] = {}
    problems: dict[str, None] = {}
    here = [name for name in hosts if name in found.groups['all']]
    for stated in (
        variables('portmatrix_minimum', {}),
        *(found.value(name, 'portmatrix_minimum', {}) for name in here),
    ):
        if not isinstance(stated, dict) or not all(isinstance(number, int) for number in stated.values()):
            problems[f'portmatrix_minimum: {stated!r} is no mapping of "product.component" to a number of hosts'] = None
            continue
        for name, number in stated.items():
            if not components.is_known(name, catalogs):
                problems[f'portmatrix_minimum: {components.unknown(name, catalogs)}'] = None
            least[name] = max(number, least.get(name, 0))
    if problems:
        raise PortmatrixError(*problems)
    return least


def _read_hosts(found: Inventory, catalogs: dict[str, Catalog]) -> dict[str, Host]:
    by_groups = components.declared_by_groups(found.groups, catalogs)
    hosts: dict[str, Host] = {}
    targets: dict[str, str] = {}
    problems: list[str] = []
    for name in map(str, found.groups['all']):

        def get(variable: str, default: t.Any = None, name: str = name) -> t.Any:
            return found.value(name, variable, default)

        try:
            played = components.played(name, get('portmatrix_components'), by_groups.get(name, ()), catalogs)
            if not played:
                continue
            known, target = inventory.stated_addresses(name, get)
            if target:
                targets[name] = target
            hosts[name] = Host(
                name,
                played,
                tuple(known),
                inventory.platform(name, get),
                inventory.options(name, played, catalogs, get),
            )
        except PortmatrixError as error:
            problems.extend(text if text.startswith(f'{name}: ') else f'{name}: {text}' for text in error.problems)
    _resolve(hosts, targets, problems)
    if problems:
        raise PortmatrixError(*problems)
    return hosts


def _resolve(hosts: dict[str, Host], targets: dict[str, str], problems: list[str]) -> None:
    found, failed = resolver.resolve(set(targets.values()))
    for host, target in sorted(targets.items()):
        if target in failed:
            problems.append(
                f'{host}: its name {target!r} does not resolve ({failed[target]}); set ansible_host to an address, or portmatrix_addresses'
            )
            continue
        try:
            where = f'{host}: its name {target!r} resolves to an address that cannot be a peer'
            hosts[host] = hosts[host]._replace(
                addresses=tuple(
                    addresses.ordered(cidr for text in found[target] for cidr in addresses.parse_peer(text, where))
                )
            )
        except PortmatrixError as error:
            problems.extend(error.problems)


def _check_play_hosts(survey: Survey, found: Inventory, play_hosts: t.Iterable[str], egress: str | None) -> None:
    """Check the settings of every host, plan one of each kind, and list every component that nobody plays."""
    kinds: dict[str, list[str]] = {}
    missing: dict[tuple[str, str], list[str]] = {}
    problems: list[str] = []
    for name in (str(host) for host in play_hosts if str(host) in survey.hosts):
        host = survey.hosts[name]
        try:
            settings = inventory.settings(
                name, survey.catalogs, lambda variable, default=None, name=name: found.setting(name, variable, default)
            )
            settings = settings._replace(egress=egress or settings.egress)
        except PortmatrixError as error:
            problems.extend(error.problems)
            continue
        key = json.dumps([host.components, host.platform, host.options, settings], sort_keys=True)
        if key not in kinds:
            kinds[key] = [name]
            for gap in planner.plan_host(host, settings, survey.catalogs, survey.book).refused:
                missing.setdefault(gap[:2], []).append(name)
    problems.extend(
        unresolved(component, direction, hosts) for (component, direction), hosts in sorted(missing.items())
    )
    if problems:
        raise PortmatrixError(*problems)


def unresolved(component: str, direction: str, hosts: list[str]) -> str:
    """The problem of a component without hosts and addresses."""
    where = ', '.join(hosts[:5]) + (' and others' if len(hosts) > 5 else '')
    return (
        f'{component}: no host plays it and it has no addresses, but {direction} rules need it (on {where}); '
        f'declare its hosts, or set portmatrix_peers[{component!r}] to its addresses, or to an empty list where nobody plays it'
    )
