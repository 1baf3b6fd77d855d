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
_LIKENESS, _OPTION_LIKENESS, _LIKENESS_OF_WHOLE = 0.6, 0.7, 0.9  # of difflib: 1 is equal


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
        if name.startswith('por'):
            near = difflib.get_close_matches(name, KNOWN, 1, _LIKENESS_OF_WHOLE)
            if near:
                yield f'{name}: nobody reads it; {_advice(near)}'
        for product in products:
            if name.startswith(f'{product}_'):
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
    """The option that is meant by NAME, which is none."""
    known = [*options, DEPLOYMENT]
    if name in known:
        return None
    words = set(name.split('_'))
    near = difflib.get_close_matches(name, known, 1, _OPTION_LIKENESS)
    return (
        near[0]
        if near
        else next((option for option in known if len(words) > 1 and words < set(option.split('_'))), None)
    )


def _advice(near: list[str]) -> str:
    return f'did you mean {near[0]}?' if near else 'the guide lists all of them; remove it'
