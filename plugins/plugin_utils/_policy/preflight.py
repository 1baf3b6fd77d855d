# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight: read the whole inventory once, and check everything that could be wrong with it.

No host is changed before it has succeeded.
"""

from __future__ import annotations

import hashlib
import json
import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model import peers as peers_of
from .._base.words import few
from .._catalog import loader
from .._catalog.loader import BASELINE
from .._catalog.model import Catalogs
from .._inventory import (
    address_book,
    address_book_file,
    components,
    deployments,
    jump_hosts,
    machines,
    minimum,
    settings,
    variable_names,
)
from .._inventory.address_book import AddressBook, Contents, Host
from .._inventory.deployments import Deployments
from .._inventory.host_variables import HostVariables, Inventory
from .._inventory.hosts import Found, read_hosts
from .._inventory.jump_hosts import Hop
from .._inventory.settings import Settings
from .._plan import planner


class Preflight(t.NamedTuple):
    """`catalogs` include the baseline; `hosts` are those that have a component; `warnings` are by host, and so are
    the `hops`, what jump hosts have to reach: they are read only where egress is denied. `names` are those that were
    resolved, with their addresses; `kinds` are the same for hosts of the play that have the same warnings."""

    catalogs: Catalogs
    hosts: dict[str, Host]
    contents: Contents
    warnings: dict[str, list[str]]
    hops: dict[str, list[Hop]] = {}
    names: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}

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
    every host; hosts of the play must also have valid settings, and all their peers.
    """
    variables = inventory.task()
    catalogs = load_catalogs(variables)
    products = declarable(catalogs)
    book_path = variables.get('portmatrix_address_book')
    _refuse_slices(variables, bool(book_path))
    found = Found(address_book_file.read(book_path, products), []) if book_path else read_hosts(inventory, products)
    hosts = found.hosts
    variable_names.refuse_unknown(inventory, hosts, products)
    contents = _build_book(found, catalogs, inventory)
    minimum.require(inventory, hosts, products)
    result = Preflight(catalogs, hosts, contents, components.misspelt_groups(inventory.groups, products))
    denies_egress, kinds = _check_play_hosts(result, inventory, egress)
    hops = jump_hosts.egress(inventory, hosts) if denies_egress else {}
    return result._replace(hops=hops, names=inventory.names.to_data(), kinds=kinds)


def _build_book(found: Found, catalogs: Catalogs, inventory: Inventory) -> Contents:
    problems = list(machines.find_shared(found.machines, found.hosts, inventory.names))
    try:
        contents = address_book.build(found.hosts.values(), catalogs)
    except PortmatrixError as error:
        raise PortmatrixError(*error.problems, *problems) from error
    if problems:
        raise PortmatrixError(*problems)
    return contents


def host_settings(variables: HostVariables, catalogs: Catalogs, egress: str | None) -> Settings:
    """The settings of one host; EGRESS wins if it is set."""
    declared = settings.read_settings(variables, catalogs)
    return declared._replace(egress=egress) if egress else declared


def unresolved(component: str, direction: str, names: Deployments, hosts: list[str]) -> str:
    """The problem of a component that has neither hosts nor addresses."""
    return (
        f'{component}: has neither hosts nor addresses{deployments.text(names)}, but {direction} rules need it (on '
        f'{few(hosts)}); declare its hosts, or set portmatrix_peers[{component!r}] to its addresses (an empty list if '
        'no host has this component)'
    )


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


def _check_play_hosts(preflight: Preflight, inventory: Inventory, egress: str | None) -> tuple[bool, dict[str, str]]:
    """Check the settings of every host of the play, plan one of each kind, and list all unresolved components; returns
    whether any host denies its egress, and the kinds by host."""
    kinds: dict[str, str] = {}
    denies_egress = False
    missing: dict[tuple[str, str, Deployments], list[str]] = {}
    problems: list[str] = []
    names = managed_play_hosts(preflight, inventory)
    inventory.names.prepare(text for name in names for text in settings.names_of_peers(inventory.in_play(name)))
    for name in names:
        host = preflight.hosts[name]
        try:
            declared = host_settings(inventory.in_play(name), preflight.catalogs, egress)
        except PortmatrixError as error:
            problems.extend(error.problems)
            continue
        denies_egress = denies_egress or declared.egress == 'deny'
        kinds[name], known = kind(host, declared, preflight.warnings.get(name, [])), set(kinds.values())
        if kinds[name] not in known:
            for gap in planner.plan_host(host, declared, preflight.catalogs, preflight.book).refused:
                missing.setdefault((gap.component, gap.direction, gap.deployments), []).append(name)
    problems.extend(unresolved(*key, names) for key, names in sorted(missing.items()))
    if problems:
        raise PortmatrixError(*problems)
    return denies_egress, kinds


def kind(host: Host, declared: Settings, warnings: t.Sequence[str]) -> str:
    """Equal for hosts that have the same unresolved components and the same warnings."""
    peers = {component: peers_of.to_data(members) for component, members in declared.peers.items()}
    sources = peers_of.to_data(declared.management_sources)
    plain = {**declared._asdict(), 'peers': peers, 'management_sources': sources}
    of_host = [host.components, host.platform, host.options, host.deployments, sorted(planner.families(host.addresses))]
    return hashlib.sha256(json.dumps([of_host, plain, warnings], sort_keys=True).encode()).hexdigest()[:20]
