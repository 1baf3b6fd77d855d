# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which components a host declares: by its variable portmatrix_components and by groups named PRODUCT_COMPONENT."""

from __future__ import annotations

import difflib
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._catalog.loader import Catalog


def group_names(catalogs: dict[str, Catalog]) -> dict[str, str]:
    """Group name ("avi_vantage_controller") -> component ("avi_vantage.controller")."""
    names: dict[str, str] = {}
    for product, catalog in catalogs.items():
        for component in catalog.components:
            name = f'{product}_{component}'
            if name in names:
                raise PortmatrixError(
                    f'{catalog.path}: components.{component}: the group {name} would also declare {names[name]}; rename the product or the component'
                )
            names[name] = f'{product}.{component}'
    return names


def declared_by_groups(groups: dict[str, list[str]], catalogs: dict[str, Catalog]) -> dict[str, set[str]]:
    """Host -> components that its groups declare."""
    declared: dict[str, set[str]] = {}
    for group, component in group_names(catalogs).items():
        for host in groups.get(group, ()):
            declared.setdefault(str(host), set()).add(component)
    return declared


def doubtful_groups(groups: dict[str, list[str]], catalogs: dict[str, Catalog]) -> dict[str, list[str]]:
    """Host -> warnings about groups that look like a misspelt component."""
    known = group_names(catalogs)
    warnings: dict[str, list[str]] = {}
    for group in sorted(set(groups) - set(known)):
        close = (
            difflib.get_close_matches(group, known, 1, 0.9)
            if any(group.startswith(f'{product}_') for product in catalogs)
            else []
        )
        for host in groups[group] if close else ():
            warnings.setdefault(str(host), []).append(f'the group {group} declares no component; is {close[0]} meant?')
    return warnings


def played(host: str, value: t.Any, by_groups: t.Iterable[str], catalogs: dict[str, Catalog]) -> tuple[str, ...]:
    """All components of HOST: VALUE (portmatrix_components) and those of its groups."""
    if value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        raise PortmatrixError(f'{host}: portmatrix_components: {value!r} is no list of "product.component"')
    problems = [
        f'{host}: portmatrix_components: {unknown(name, catalogs)}'
        for name in value or ()
        if not is_known(name, catalogs)
    ]
    if problems:
        raise PortmatrixError(*problems)
    return tuple(sorted({*(value or ()), *by_groups}))


def is_known(name: str, catalogs: dict[str, Catalog]) -> bool:
    product, _dot, component = name.partition('.')
    return product in catalogs and component in catalogs[product].components


def unknown(name: str, catalogs: dict[str, Catalog]) -> str:
    """What is wrong with a component NAME, and what would be right."""
    product, dot, component = name.partition('.')
    if not dot:
        return f'{name!r} is no component; write product.component, for example avi_vantage.controller'
    if product not in catalogs:
        return f'unknown product {product!r} in {name!r}; known are {", ".join(catalogs)} (add your own with portmatrix_catalogs)'
    close = difflib.get_close_matches(component, catalogs[product].components, 1)
    return (
        f'unknown component {component!r} of {product}; '
        + (f'did you mean {close[0]!r}? ' if close else '')
        + f'known are {", ".join(catalogs[product].components)}'
    )
