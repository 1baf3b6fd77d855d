# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments: several installations of one product in one inventory, and which of them a flow joins."""

from __future__ import annotations

import difflib
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.words import few
from .._catalog.model import SAME, products_of
from .host_variables import HostVariables

if t.TYPE_CHECKING:
    from .address_book import Host

VARIABLE, SUFFIX = 'portmatrix_deployment', 'deployment'
DEFAULT, ALL = 'default', '*'
MAX_LENGTH = 64
_LIKENESS = 0.7  # of difflib: 1 is equal
Deployments = tuple[str, ...]  # sorted names, or ALL alone
NOT_STATED: Deployments = (DEFAULT,)


def read(variables: HostVariables, product: str) -> Deployments:
    """The deployments of PRODUCT that a host belongs to. Raises PortmatrixError for anything but names."""
    own = f'{product}_{SUFFIX}'
    name = own if variables.get(own) is not None else VARIABLE
    value = variables.get(name)
    if value is None:
        return NOT_STATED
    return parse(value, f'{variables.host}: {name}')


def of_components(variables: HostVariables, host_components: t.Iterable[str]) -> dict[str, Deployments]:
    """The deployments of each product whose components a host has."""
    return {product: read(variables, product) for product in products_of(host_components)}


def parse(value: t.Any, where: str) -> Deployments:
    """The deployments in VALUE, a name or a list of names. WHERE is its place in errors."""
    names = value if isinstance(value, list) else [value]
    if not names or not all(map(_is_name, names)):
        raise PortmatrixError(
            f'{where}: must be a name, a list of names, or "*" for all, got {value!r}; a name is a text of at most '
            f'{MAX_LENGTH} characters without commas (write a number in quotes, and several names as a list)'
        )
    return (ALL,) if ALL in names else tuple(sorted(set(names)))


def meet(one: Deployments, other: Deployments) -> bool:
    """Whether two hosts have a deployment in common."""
    return ALL in (*one, *other) or not set(one).isdisjoint(other)


def joins(between: str, one: Deployments, other: Deployments) -> bool:
    """Whether a flow with `between: BETWEEN` joins hosts of these deployments."""
    return between == 'any' or meet(one, other) == (between == SAME)


def text(names: Deployments, others: t.Collection[str] = ()) -> str:
    """ " in the deployment prod", for messages; nothing if there are no others, in which hosts are."""
    if ALL in names or names == NOT_STATED and not others:
        return ''
    return f' in the deployment{"s" if len(names) > 1 else ""} {", ".join(names)}'


def likely_mistakes(hosts: dict[str, Host]) -> dict[str, list[str]]:
    """Host -> warnings: it states no deployment, while others of its product do, or it is alone in one whose name is
    nearly that of another one."""
    warnings: dict[str, list[str]] = {}
    for product in sorted({product for host in hosts.values() for product in host.deployments}):
        members: dict[str, list[str]] = {}
        for name, host in sorted(hosts.items()):
            for deployment in host.deployments.get(product, ()):
                members.setdefault(deployment, []).append(name)
        for deployment, names in members.items():
            warning = _likely_mistake(product, deployment, members)
            for name in names if warning else ():
                warnings.setdefault(name, []).append(str(warning))
    return warnings


def _likely_mistake(product: str, deployment: str, members: dict[str, list[str]]) -> str | None:
    others = sorted(set(members) - {deployment, DEFAULT, ALL})
    if deployment == DEFAULT and others:
        return (
            f'it is in the deployment {DEFAULT} of {product}, like every host that does not set {VARIABLE}, and meets '
            f'none of the others ({few(others)})'
        )
    near = difflib.get_close_matches(deployment.lower(), [other.lower() for other in others], 1, _LIKENESS)
    if len(members[deployment]) == 1 and near and len(members[_spelt(near[0], others)]) > 1:
        return f'it is the only host of {product} in the deployment {deployment}; did you mean {near[0]}?'
    return None


def _spelt(lower: str, names: list[str]) -> str:
    return next(name for name in names if name.lower() == lower)


def _is_name(value: t.Any) -> bool:
    return (
        isinstance(value, str)
        and 0 < len(value.strip()) == len(value) <= MAX_LENGTH
        and value.isprintable()
        and ',' not in value
    )
