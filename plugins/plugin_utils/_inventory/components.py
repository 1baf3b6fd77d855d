# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which components a host declares: by its variable portmatrix_components and by groups named PRODUCT_COMPONENT."""

from __future__ import annotations

import difflib
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._catalog.model import Catalogs
from .host_variables import HostVariables


def group_names(catalogs: Catalogs) -> dict[str, str]:
    """Group name ("avi_vantage_controller") -> component ("avi_vantage.controller")."""
    names: dict[str, str] = {}
    for product, catalog in catalogs.items():
        for component in catalog.components:
            name = f'{product}_{component}'
            if name in names:
                raise PortmatrixError(
                    f'{catalog.path}: components.{component}: the group {name} would also declare {names[name]}; '
                    'rename the product or the component'
                )
            names[name] = f'{product}.{component}'
    return names


def declared_by_groups(groups: dict[str, list[str]], catalogs: Catalogs) -> dict[str, set[str]]:
    """Host -> components that its groups declare."""
    declared: dict[str, set[str]] = {}
    for group, component in group_names(catalogs).items():
        for host in groups.get(group, ()):
            declared.setdefault(str(host), set()).add(component)
    return declared


def misspelt_groups(groups: dict[str, list[str]], catalogs: Catalogs) -> dict[str, list[str]]:
    """Host -> warnings about groups that look like a misspelt component."""
    known = group_names(catalogs)
    warnings: dict[str, list[str]] = {}
    for group in sorted(set(groups) - set(known)):
        has_product = any(group.startswith(f'{product}_') for product in catalogs)
        close = difflib.get_close_matches(group, known, 1, 0.9) if has_product else []
        for host in groups[group] if close else ():
            text = f'the group {group} declares no component; did you mean {close[0]}?'
            warnings.setdefault(str(host), []).append(text)
    return warnings


def declared_components(variables: HostVariables, by_groups: t.Iterable[str], catalogs: Catalogs) -> tuple[str, ...]:
    """All components of a host: those of its variable portmatrix_components, and those of its groups."""
    return combine(variables.host, variables.get('portmatrix_components'), by_groups, catalogs)


def combine(host: str, declared: t.Any, others: t.Iterable[str], catalogs: Catalogs) -> tuple[str, ...]:
    """DECLARED, which is checked, and OTHERS, sorted. Raises PortmatrixError for all unknown components."""
    where = f'{host}: portmatrix_components'
    if declared is not None and not (isinstance(declared, list) and all(isinstance(name, str) for name in declared)):
        raise PortmatrixError(f'{where}: must be a list of "product.component", got {declared!r}')
    problems: list[str] = []
    for name in declared or ():
        try:
            require_known(name, catalogs, where)
        except PortmatrixError as error:
            problems.extend(error.problems)
    if problems:
        raise PortmatrixError(*problems)
    return tuple(sorted({*(declared or ()), *others}))


def require_known(name: str, catalogs: Catalogs, where: str) -> None:
    """Raise PortmatrixError, which begins with WHERE, if NAME is not a component of a catalog."""
    product, dot, component = name.partition('.')
    if not dot:
        raise PortmatrixError(
            f'{where}: {name!r} is not a component; write product.component, for example avi_vantage.controller'
        )
    if product not in catalogs:
        raise PortmatrixError(
            f'{where}: unknown product {product!r} in {name!r}; choose from {", ".join(catalogs)}, or add your own '
            'with portmatrix_catalogs'
        )
    known = catalogs[product].components
    if component not in known:
        close = difflib.get_close_matches(component, known, 1)
        hint = f'did you mean {close[0]!r}? ' if close else ''
        raise PortmatrixError(
            f'{where}: unknown component {component!r} of {product}; {hint}choose from {", ".join(known)}'
        )
