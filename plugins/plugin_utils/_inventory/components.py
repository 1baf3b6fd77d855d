# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which components a host declares: by its variable portmatrix_components and by groups named PRODUCT_COMPONENT."""

from __future__ import annotations

import difflib
import re
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.words import nearest
from .._catalog.model import Catalogs, products_of
from .host_variables import HostVariables

if t.TYPE_CHECKING:
    from .address_book import Host

_OF_ANSIBLE = {'all', 'ungrouped'}
_LIKENESS = 0.85  # of difflib: 1 is equal
_LEAST_OF_PRODUCT = 3  # characters of its name


def group_names(catalogs: Catalogs) -> dict[str, str]:
    """Group name ("avi_vantage_controller") -> component ("avi_vantage.controller")."""
    return {
        _spelt_like_ours(f'{product}_{component}'): f'{product}.{component}'
        for product, catalog in catalogs.items()
        for component in catalog.components
    }


def declared_by_groups(groups: dict[str, list[str]], catalogs: Catalogs) -> dict[str, set[str]]:
    """Host -> components that its groups declare, in whatever spelling ("Avi-Vantage-Controller")."""
    known = group_names(catalogs)
    declared: dict[str, set[str]] = {}
    for group, hosts in groups.items():
        component = known.get(_spelt_like_ours(group))
        for host in hosts if component else ():
            declared.setdefault(str(host), set()).add(str(component))
    return declared


def misspelt_groups(groups: dict[str, list[str]], catalogs: Catalogs, hosts: dict[str, Host]) -> dict[str, list[str]]:
    """Host -> warnings about groups that look like a misspelt component, and about those that begin with a product of
    which the host, among HOSTS if it has a component, plays no part."""
    known = group_names(catalogs)
    warnings: dict[str, list[str]] = {}
    for group in sorted(set(groups) - _OF_ANSIBLE):
        spelling = _spelt_like_ours(group)
        near = None if spelling in known or not groups[group] else _near(spelling, catalogs, known)
        for host in groups[group] if near else ():
            text = f'the group {group} declares no component; did you mean {near}?'
            warnings.setdefault(str(host), []).append(text)
        product = None if near or spelling in known else _product_of_group(spelling, catalogs)
        for host in groups[group] if product else ():
            if product not in products_of(hosts[host].components if host in hosts else ()):
                text = (
                    f'the group {group} declares no component of {product}, and nothing else declares one for this host'
                )
                warnings.setdefault(str(host), []).append(text)
    return warnings


def _product_of_group(group: str, catalogs: Catalogs) -> str | None:
    return next((product for product in catalogs if group == product or group.startswith(f'{product}_')), None)


def _spelt_like_ours(group: str) -> str:
    return re.sub('[^a-z0-9]+', '_', str(group).lower())


def _near(group: str, catalogs: Catalogs, known: dict[str, str]) -> str | None:
    """The name that is nearly GROUP: with a typing error, or with a part of the product only ("kube_node")."""
    close = difflib.get_close_matches(group, known, 1, _LIKENESS)
    if close:
        return close[0]
    return next(
        (
            f'{product}_{component}'
            for product, catalog in catalogs.items()
            for component in catalog.components
            if group.removesuffix('s').endswith(f'_{component}')
            and len(group.removesuffix('s')) - len(component) - 1 >= _LEAST_OF_PRODUCT
            and product.startswith(group.removesuffix('s')[: -len(component) - 1])
        ),
        None,
    )


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


CATALOGS_PLAYBOOK = 'the playbook portmatrix.firewall.catalogs lists the products'


def require_known(name: str, catalogs: Catalogs, where: str) -> None:
    """Raise PortmatrixError, which begins with WHERE, if NAME is not a component of a catalog."""
    if not isinstance(name, str):
        raise PortmatrixError(f'{where}: {name!r} is not a component; write product.component')
    product, dot, component = name.partition('.')
    if not dot:
        near = [full for group, full in group_names(catalogs).items() if name in (group, full.partition('.')[2])]
        example = f'did you mean {near[0]}?' if near else 'write product.component, for example avi_vantage.controller'
        raise PortmatrixError(f'{where}: {name!r} is not a component; {example}')
    if product not in catalogs:
        raise PortmatrixError(
            f'{where}: unknown product {product!r} in {name!r}; {nearest(product, catalogs, CATALOGS_PLAYBOOK)} (or '
            'add your own with portmatrix_catalogs)'
        )
    known = catalogs[product].components
    if component not in known:
        close = difflib.get_close_matches(component, known, 1) or [
            one for one in known if component and component in one
        ]
        hint = f'did you mean {close[0]!r}? ' if close else ''
        raise PortmatrixError(
            f'{where}: unknown component {component!r} of {product}; {hint}choose from {", ".join(known)}'
        )
