# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The survey: read the whole inventory once and check everything that could be wrong with it, before any host is touched."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

from ..module_utils.errors import PortmatrixError
from . import address_book, addresses, catalog, components, inventory, names, planner
from .address_book import AddressBook, Entry, Host
from .catalog import Catalog
from .inventory import Inventory

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
    catalogs = catalog.load_catalogs(_existing(path, variables) for path in extra)
    stated = variables('portmatrix_baseline')
    if isinstance(stated, dict):
        baseline = catalog.build(stated, 'portmatrix_baseline', '')
    else:
        baseline = catalog.load_file(Path(_existing(stated, variables)) if stated else catalog.BASELINE)
    if baseline.product != BASELINE or 'host' not in baseline.components:
        raise PortmatrixError(f'{baseline.path}: a baseline is a catalog with product: {BASELINE} and a component host')
    return {**catalogs, BASELINE: baseline}


def _existing(path: str, variables: t.Callable[..., t.Any]) -> str:
    candidates = [os.path.abspath(os.path.expanduser(path)), os.path.join(str(variables('inventory_dir') or ''), path)]
    return next((candidate for candidate in candidates if os.path.exists(candidate)), candidates[0])


def take(found: Inventory, catalogs: dict[str, Catalog], variables: t.Callable[..., t.Any], play_hosts: t.Iterable[str]) -> Survey:
    """Survey the whole inventory. Raises one PortmatrixError with every problem of every host; PLAY_HOSTS must also have all their peers."""
    stated = variables('portmatrix_address_book')
    _refuse_slices(variables, bool(stated))
    hosts = read_book(stated, catalogs) if stated else _read_hosts(found, catalogs)
    entries, tables = address_book.build(hosts.values(), catalogs, _minimum(variables, catalogs))
    result = Survey(catalogs, hosts, entries, tables, components.doubtful_groups(found.groups, catalogs))
    _refuse_unresolved(result, found, play_hosts)
    return result


def _refuse_slices(variables: t.Callable[..., t.Any], has_book: bool) -> None:
    """A job slice of AWX sees a part of the inventory only; a missing peer would be a missing rule."""
    name = variables('awx_workflow_job_name')
    if not has_book and variables('awx_job_launch_type') == 'workflow' and name and name == variables('awx_job_template_name'):
        raise PortmatrixError(
            'this job is a slice and sees only a part of the inventory; set the slice count of the template to 1, or give the '
            'address book of a whole run in portmatrix_address_book'
        )


def _minimum(variables: t.Callable[..., t.Any], catalogs: dict[str, Catalog]) -> dict[str, int]:
    stated = variables('portmatrix_minimum', {})
    if not isinstance(stated, dict) or not all(isinstance(least, int) for least in stated.values()):
        raise PortmatrixError(f'portmatrix_minimum: {stated!r} is no mapping of "product.component" to a number of hosts')
    problems = [f'portmatrix_minimum: {components.unknown(name, catalogs)}' for name in stated if not components.is_known(name, catalogs)]
    if problems:
        raise PortmatrixError(*problems)
    return stated


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
            hosts[name] = Host(name, played, tuple(known), inventory.platform(name, get), inventory.options(name, played, catalogs, get))
        except PortmatrixError as error:
            problems.extend(text if text.startswith(f'{name}: ') else f'{name}: {text}' for text in error.problems)
    _resolve(hosts, targets, problems)
    if problems:
        raise PortmatrixError(*problems)
    return hosts


def _resolve(hosts: dict[str, Host], targets: dict[str, str], problems: list[str]) -> None:
    found, failed = names.resolve(set(targets.values()))
    for host, target in sorted(targets.items()):
        if target in failed:
            problems.append(f'{host}: its name {target!r} does not resolve ({failed[target]}); set ansible_host to an address, or portmatrix_addresses')
            continue
        try:
            where = f'{host}: its name {target!r} resolves to an address that cannot be a peer'
            hosts[host] = hosts[host]._replace(addresses=tuple(addresses.merge(cidr for text in found[target] for cidr in addresses.parse_peer(text, where))))
        except PortmatrixError as error:
            problems.extend(error.problems)


def _refuse_unresolved(survey: Survey, found: Inventory, play_hosts: t.Iterable[str]) -> None:
    """Plan one host of each kind and list every component that nobody plays."""
    kinds: dict[str, list[str]] = {}
    missing: dict[tuple[str, str], list[str]] = {}
    problems: list[str] = []
    for name in (str(host) for host in play_hosts if str(host) in survey.hosts):
        host = survey.hosts[name]
        try:
            settings = inventory.settings(name, survey.catalogs, lambda variable, default=None, name=name: found.value(name, variable, default))
        except PortmatrixError as error:
            problems.extend(error.problems)
            continue
        key = json.dumps([host.components, host.platform, host.options, settings], sort_keys=True)
        if key not in kinds:
            kinds[key] = [name]
            for gap in planner.plan_host(host, settings, survey.catalogs, survey.book).refused:
                missing.setdefault(gap[:2], []).append(name)
    problems.extend(unresolved(component, direction, hosts) for (component, direction), hosts in sorted(missing.items()))
    if problems:
        raise PortmatrixError(*problems)


def unresolved(component: str, direction: str, hosts: list[str]) -> str:
    """The problem of a component without hosts and addresses."""
    where = ', '.join(hosts[:5]) + (' and others' if len(hosts) > 5 else '')
    return (
        f'{component}: no host plays it and it has no addresses, but {direction} rules need it (on {where}); '
        f'declare its hosts, or set portmatrix_peers[{component!r}] to its addresses, or to an empty list where nobody plays it'
    )


def read_book(path: str, catalogs: dict[str, Catalog]) -> dict[str, Host]:
    """The hosts of an address book that export_book wrote."""
    try:
        data = json.loads(Path(path).read_text())
        hosts = {
            name: Host(name, tuple(host['components']), tuple(host['addresses']), host['platform'], host['options']) for name, host in data['hosts'].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PortmatrixError(
            f'portmatrix_address_book: {path} cannot be used ({type(error).__name__}: {error}); write it with the plan playbook and '
            'portmatrix_address_book_file'
        ) from error
    problems = [
        f'portmatrix_address_book: {path}: {host.name}: {components.unknown(name, catalogs)}'
        for host in hosts.values()
        for name in host.components
        if not components.is_known(name, catalogs)
    ]
    if problems:
        raise PortmatrixError(*problems)
    return hosts


def export_book(hosts: dict[str, Host]) -> str:
    """The address book of HOSTS as JSON text, for runs that see a part of the inventory only."""
    return (
        json.dumps(
            {
                'format': 1,
                'hosts': {
                    name: {'components': host.components, 'addresses': host.addresses, 'platform': host.platform, 'options': host.options}
                    for name, host in sorted(hosts.items())
                },
            },
            indent=1,
            sort_keys=True,
        )
        + '\n'
    )
