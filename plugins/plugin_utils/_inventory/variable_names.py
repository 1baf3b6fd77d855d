# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Misspelt variables: a name that nobody reads would be ignored in silence, wherever it is set."""

from __future__ import annotations

import difflib
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.words import few
from .._catalog.model import Catalogs, products_of
from .._catalog.options import DEPLOYMENT
from .address_book import Host
from .host_variables import PLAYBOOK_VARIABLES, HostVariables, Inventory

PREFIX = 'portmatrix_'
KNOWN = frozenset(
    [
        *PLAYBOOK_VARIABLES,
        'portmatrix_address_book',
        'portmatrix_addresses',
        'portmatrix_backend',
        'portmatrix_baseline',
        'portmatrix_catalogs',
        'portmatrix_components',
        'portmatrix_confirm_connections',
        'portmatrix_confirm_timeout',
        'portmatrix_deployment',
        'portmatrix_egress',
        'portmatrix_exclusive',
        'portmatrix_floating_addresses',
        'portmatrix_local_bridges',
        'portmatrix_log_denied',
        'portmatrix_managed',
        'portmatrix_management_ports',
        'portmatrix_management_sources',
        'portmatrix_minimum',
        'portmatrix_peers',
        'portmatrix_platform',
        'portmatrix_unresolved',
    ]
)
_LIKENESS, _LIKENESS_OF_WHOLE = 0.6, 0.9  # of difflib: 1 is equal
_SHORT = 4  # characters, in which a second typing error makes another word


def refuse_unknown(inventory: Inventory, hosts: dict[str, Host], catalogs: Catalogs) -> None:
    """Raise PortmatrixError for each variable that begins like ours and is none, and for each that is nearly an option
    of a product whose components a host has. Others have variables that begin with the name of a product, too."""
    found: dict[str, list[str]] = {}
    for host in inventory.hosts:
        products = products_of(hosts[host].components) if host in hosts else []
        own = inventory.task() if host == inventory.host else inventory.declared(host)
        for problem in _unknown(own, products, catalogs):
            found.setdefault(problem, []).append(host)
    if found:
        raise PortmatrixError(*(f'{few(names)}: {problem}' for problem, names in sorted(found.items())))


def _unknown(variables: HostVariables, products: list[str], catalogs: Catalogs) -> t.Iterator[str]:
    for name in variables.set_by_people():
        if name.startswith(PREFIX):
            if name not in KNOWN:
                known = [known.removeprefix(PREFIX) for known in KNOWN]
                near = difflib.get_close_matches(name.removeprefix(PREFIX), sorted(known), 1, _LIKENESS)
                advice = _advice([PREFIX + text for text in near])
                yield f'{name}: no variable of portmatrix has this name; {advice}'
            continue
        if name.lower().startswith('por'):
            near = difflib.get_close_matches(name.lower(), KNOWN, 1, _LIKENESS_OF_WHOLE)
            if near:
                yield f'{name}: nobody reads it; {_advice(near)}'
        for product in products:
            if name.lower().startswith(f'{product}_'):
                option = _misspelt(name[len(product) + 1 :], catalogs[product].options)
                if option and not _is_known(name, catalogs):
                    yield f'{name}: {product} has no such option; {_advice([f"{product}_{option}"])}'


def _is_known(name: str, catalogs: Catalogs) -> bool:
    """Whether NAME is an option of any product: of acme_agent, where acme is another one."""
    return any(
        name.startswith(f'{product}_') and name[len(product) + 1 :] in (*catalog.options, DEPLOYMENT)
        for product, catalog in catalogs.items()
    )


def _misspelt(name: str, options: t.Iterable[str]) -> str | None:
    """The option that is meant by NAME, which is none: one or two typing errors away."""
    known = [*options, DEPLOYMENT]
    if name in known:
        return None
    lower = name.lower()
    return next((option for option in known if _distance(lower, option) <= (2 if len(option) > _SHORT else 1)), None)


def _distance(one: str, other: str) -> int:
    """Of Levenshtein: characters to insert, to delete or to replace; large where that is more than 2."""
    if abs(len(one) - len(other)) > 2:
        return 3
    row = list(range(len(other) + 1))
    for number, character in enumerate(one, start=1):
        former, row = row, [number]
        for position, wanted in enumerate(other, start=1):
            row.append(min(former[position] + 1, row[-1] + 1, former[position - 1] + (character != wanted)))
    return row[-1]


def _advice(near: list[str]) -> str:
    return f'did you mean {near[0]}?' if near else 'the guide lists all of them; remove it'
