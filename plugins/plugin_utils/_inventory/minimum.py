# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""portmatrix_minimum: how many hosts each component must have, so that an inventory does not shrink in silence."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.words import few
from .._catalog.model import Catalogs, product_of, products_of
from . import components
from .address_book import Host
from .deployments import ALL
from .host_variables import HostVariables, Inventory

# (component, deployment) -> least number of hosts; the deployment ALL: in the whole inventory
_Least = dict[tuple[str, str], int]
VARIABLE = 'portmatrix_minimum'


def require(inventory: Inventory, hosts: dict[str, Host], catalogs: Catalogs) -> None:
    """Raise PortmatrixError for each component with too few HOSTS.

    What a host declares counts for its own deployments, if it has the product, otherwise for the whole inventory. Of
    several declarations the greatest counts, so that it does not matter which host asks.
    """
    least: _Least = {}
    problems: dict[str, None] = {}
    for variables in (inventory.task(), *map(inventory.declared, inventory.hosts)):
        try:
            declared = _read(variables, catalogs)
        except PortmatrixError as error:
            problems.update(dict.fromkeys(error.problems))
            continue
        for component, number in declared.items():
            for name in _scopes(hosts.get(variables.host), product_of(component)):
                least[component, name] = max(number, least.get((component, name), 0))
    problems.update(dict.fromkeys(_too_few(least, hosts)))
    if problems:
        raise PortmatrixError(*problems)


def _read(variables: HostVariables, catalogs: Catalogs) -> dict[str, int]:
    declared = variables.get(VARIABLE, {})
    if not isinstance(declared, dict):
        raise PortmatrixError(
            f'{VARIABLE}: must be a mapping of "product.component" to a number of hosts, got {declared!r}'
        )
    for name, number in declared.items():
        if not _is_number(number):
            raise PortmatrixError(f'{VARIABLE}[{name!r}]: must be a number of hosts, got {number!r}')
    for name in declared:
        components.require_known(name, catalogs, VARIABLE)
    return declared


def _is_number(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _scopes(host: Host | None, product: str) -> tuple[str, ...]:
    if host is None or product not in products_of(host.components):
        return (ALL,)
    return host.deployments_of(product)


def _too_few(least: _Least, hosts: dict[str, Host]) -> t.Iterator[str]:
    for (component, name), number in sorted(least.items()):
        present = sum(
            component in host.components
            and (name == ALL or {name, ALL} & {*host.deployments_of(product_of(component))} != set())
            for host in hosts.values()
        )
        if present < number:
            product = product_of(component)
            elsewhere = {
                other: sum(
                    component in host.components and other in host.deployments_of(product) for host in hosts.values()
                )
                for other in sorted(
                    {one for host in hosts.values() for one in host.deployments.get(product, ())} - {name}
                )
            }
            others = ', '.join(f'{count} in {other}' for other, count in elsewhere.items() if count and name != ALL)
            here = [host.name for host in hosts.values() if name in host.deployments.get(product, ())]
            where = f' in the deployment {name} (of {few(sorted(here))})' if others else ''
            yield (
                f'{VARIABLE}: {component} must have at least {number} hosts{where}, the inventory has {present}'
                f'{f" there, {others}" if others else ""}; complete the inventory (is it sliced or filtered?), correct '
                'the deployments, or lower the minimum (of several groups the greatest counts)'
            )
