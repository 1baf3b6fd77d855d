# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the inventory that have a component, with everything that the inventory declares of them."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses
from .._catalog.model import Catalogs
from . import components, resolver, settings
from .address_book import Host
from .host_variables import HostVariables, Inventory


def read_hosts(inventory: Inventory, catalogs: Catalogs) -> dict[str, Host]:
    """Hosts by name, with their addresses resolved. Raises PortmatrixError with the problems of all hosts."""
    by_groups = components.declared_by_groups(inventory.groups, catalogs)
    hosts: dict[str, Host] = {}
    targets: dict[str, str] = {}
    problems: list[str] = []
    for name in inventory.hosts:
        try:
            host, target = _read_host(inventory.declared(name), by_groups.get(name, ()), catalogs)
        except PortmatrixError as error:
            problems.extend(text if text.startswith(f'{name}: ') else f'{name}: {text}' for text in error.problems)
            continue
        if host.components:
            hosts[name] = host
        if host.components and target:
            targets[name] = target
    _resolve(hosts, targets, problems)
    if problems:
        raise PortmatrixError(*problems)
    return hosts


def _read_host(variables: HostVariables, by_groups: t.Iterable[str], catalogs: Catalogs) -> tuple[Host, str | None]:
    """(the host, the name to resolve if its addresses are not declared). One without components is not read further."""
    host_components = components.declared_components(variables, by_groups, catalogs)
    if not host_components:
        return Host(variables.host, (), (), '', {}), None
    cidrs, target = settings.read_addresses(variables)
    options = settings.read_options(variables, host_components, catalogs)
    return Host(variables.host, host_components, tuple(cidrs), settings.read_platform(variables), options), target


def _resolve(hosts: dict[str, Host], targets: dict[str, str], problems: list[str]) -> None:
    resolved, failed = resolver.resolve(set(targets.values()))
    for host, target in sorted(targets.items()):
        where = f'{host}: the name {target!r}'
        if target in failed:
            problems.append(
                f'{where} cannot be resolved ({failed[target]}); set ansible_host to an address, or '
                'portmatrix_addresses'
            )
            continue
        try:
            where += ' resolves to an address that cannot be a peer'
            cidrs = [cidr for text in resolved[target] for cidr in addresses.parse_peer(text, where)]
            hosts[host] = hosts[host]._replace(addresses=tuple(addresses.ordered(cidrs)))
        except PortmatrixError as error:
            problems.extend(error.problems)
