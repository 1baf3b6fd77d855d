# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight: read the whole inventory once, and check everything that could be wrong with it.

No host is changed before it has succeeded.
"""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.words import grouped
from .._catalog import loader
from .._catalog.loader import BASELINE
from .._catalog.model import Catalogs
from .._inventory import (
    address_book,
    address_book_file,
    components,
    controller_settings,
    deployments,
    document_names,
    jump_hosts,
    machines,
    minimum,
    variable_names,
)
from .._inventory.address_book import AddressBook, Contents, Host
from .._inventory.host_variables import HostVariables, Inventory
from .._inventory.hosts import Found, read_hosts
from .._inventory.jump_hosts import Hop
from . import play_checks


class Preflight(t.NamedTuple):
    """`catalogs` include the baseline; `hosts` are those that have a component; `warnings` are by host, and so are
    the `hops`, what jump hosts have to reach: they are read only where egress is denied. `names` are those that were
    resolved, with their addresses; `kinds` are the same for hosts of the play that have the same warnings;
    `is_from_file`: the hosts are those of an address book."""

    catalogs: Catalogs
    hosts: dict[str, Host]
    contents: Contents
    warnings: dict[str, list[str]]
    hops: dict[str, list[Hop]] = {}
    names: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    is_from_file: bool = False

    @property
    def book(self) -> AddressBook:
        return self.contents.book()


def load_catalogs(variables: HostVariables) -> Catalogs:
    """All catalogs, the baseline included: see portmatrix_catalogs and portmatrix_baseline. Paths are relative to the
    working directory or the inventory."""
    extra = variables.get('portmatrix_catalogs', [])
    if not isinstance(extra, list) or not all(isinstance(path, str) for path in extra):
        raise PortmatrixError(f'portmatrix_catalogs: must be a list of files or folders, got {extra!r}')
    folder = variables.get('inventory_dir')
    catalogs = loader.load_catalogs(loader.existing_path(path, folder) for path in extra)
    return {**catalogs, BASELINE: loader.load_baseline(variables.get('portmatrix_baseline'), folder)}


def declarable(catalogs: Catalogs) -> Catalogs:
    """The catalogs whose components a host can declare: all but the baseline."""
    return {name: catalog for name, catalog in catalogs.items() if name != BASELINE}


def run_preflight(inventory: Inventory, egress: str | None = None) -> Preflight:
    """Read and check the whole inventory.

    EGRESS: what the task sets in place of the setting of each host. Raises one PortmatrixError with every problem of
    every host, each once; hosts of the play must also have valid settings, and all their peers.
    """
    try:
        return _run(inventory, egress)
    except PortmatrixError as error:
        raise PortmatrixError(*grouped(error.problems, inventory.hosts)) from None


def _run(inventory: Inventory, egress: str | None) -> Preflight:
    controller_settings.require_same(inventory)
    variables = inventory.task()
    catalogs = load_catalogs(variables)
    products = declarable(catalogs)
    book_path = variables.get('portmatrix_address_book')
    _refuse_slices(variables, bool(book_path))
    found = Found(address_book_file.read(book_path, products), []) if book_path else read_hosts(inventory, products)
    hosts = found.hosts
    variable_names.refuse_unknown(inventory, hosts, products)
    catalogs = document_names.resolve(catalogs, hosts.values(), inventory.names)
    contents = _build_book(found, catalogs, inventory)
    minimum.require(inventory, hosts, products)
    result = Preflight(catalogs, hosts, contents, _warnings(inventory, hosts, products))
    names = managed_play_hosts(result, inventory)
    checked = play_checks.check(names, hosts, result.warnings, catalogs, result.book, inventory, egress)
    hops = jump_hosts.egress(inventory, hosts) if checked.denies_egress else {}
    return result._replace(
        hops=hops, names=inventory.names.to_data(), kinds=checked.kinds, is_from_file=bool(book_path)
    )


def _warnings(inventory: Inventory, hosts: dict[str, Host], catalogs: Catalogs) -> dict[str, list[str]]:
    warnings = components.misspelt_groups(inventory.groups, catalogs, hosts)
    for name, texts in deployments.likely_mistakes(hosts).items():
        warnings.setdefault(name, []).extend(texts)
    return warnings


def _build_book(found: Found, catalogs: Catalogs, inventory: Inventory) -> Contents:
    shared_machines = list(machines.find_shared(found.machines, found.hosts, inventory.names))
    contents = address_book.build(found.hosts.values(), catalogs)
    # hosts that lead to one machine also share its address: one problem is enough
    explained = [hosts for hosts, _text in shared_machines]
    problems = [text for hosts, text in contents.shared if not any(hosts <= machine for machine in explained)]
    problems += [text for _hosts, text in shared_machines]
    if problems:
        raise PortmatrixError(*problems)
    return contents


def _refuse_slices(variables: HostVariables, has_book: bool) -> None:
    """A job slice of AWX reads only a part of the inventory; a missing peer would be a missing rule."""
    name, template = variables.get('awx_workflow_job_name'), variables.get('awx_job_template_name')
    is_workflow = variables.get('awx_job_launch_type') == 'workflow'
    if not has_book and is_workflow and name and name == template:
        raise PortmatrixError(
            'this job is a slice and reads only a part of the inventory; set the slice count of the template to 1, or '
            'set portmatrix_address_book to the address book of a run that reads all of it'
        )


def managed_play_hosts(preflight: Preflight, inventory: Inventory) -> list[str]:
    """The hosts of the play that get a policy."""
    hosts = preflight.hosts
    return sorted(name for name in set(inventory.play_hosts) if name in hosts and hosts[name].managed)
