# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the inventory that have a component, with everything that the inventory declares of them."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses
from .._catalog.model import Catalogs
from . import components, declared_addresses, deployments, machines, settings
from .address_book import Host
from .declared_addresses import DeclaredAddresses
from .host_variables import HostVariables, Inventory
from .machines import Machine


class Found(t.NamedTuple):
    """`hosts` by name, and the `machines` that they lead to."""

    hosts: dict[str, Host]
    machines: list[Machine]


class _Read(t.NamedTuple):
    host: Host
    addresses: DeclaredAddresses
    machine: Machine


def read_hosts(inventory: Inventory, catalogs: Catalogs) -> Found:
    """Hosts with a component, with their names resolved. Raises PortmatrixError with the problems of all hosts."""
    by_groups = components.declared_by_groups(inventory.groups, catalogs)
    read: list[_Read] = []
    problems: list[str] = []
    for name in inventory.hosts:
        try:
            host = _read_host(inventory.declared(name), by_groups.get(name, ()), catalogs)
        except PortmatrixError as error:
            problems.extend(text if text.startswith(f'{name}: ') else f'{name}: {text}' for text in error.problems)
            continue
        if host:
            read.append(host)
    inventory.names.prepare(name for host in read for name in (*host.addresses.names, *host.machine.names))
    hosts = {host.host.name: _with_addresses(host, inventory, problems) for host in read}
    if problems:
        raise PortmatrixError(*problems)
    return Found(hosts, [host.machine for host in read])


def _read_host(variables: HostVariables, by_groups: t.Iterable[str], catalogs: Catalogs) -> _Read | None:
    """One without components is not read further."""
    host_components = components.declared_components(variables, by_groups, catalogs)
    if not host_components:
        return None
    declared = declared_addresses.read_addresses(variables)
    host = Host(
        variables.host,
        host_components,
        declared.cidrs,
        settings.read_platform(variables),
        settings.read_options(variables, host_components, catalogs),
        deployments.of_components(variables, host_components),
        settings.read_managed(variables),
        declared_addresses.read_floating(variables),
    )
    return _Read(host, declared, machines.read(variables))


def _with_addresses(read: _Read, inventory: Inventory, problems: list[str]) -> Host:
    cidrs = list(read.host.addresses)
    for name in read.addresses.names:
        try:
            cidrs.extend(inventory.names.cidrs(name, read.addresses.place))
        except PortmatrixError as error:
            problems.extend(error.problems)
    return read.host._replace(addresses=tuple(addresses.ordered(cidrs)))
