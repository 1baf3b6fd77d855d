# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address book as a file: written by a run that sees the whole inventory, read by runs that see a part of it."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses
from .._catalog.loader import Catalog
from . import components, inventory
from .address_book import Host

FORMAT = 1


def write(hosts: dict[str, Host]) -> str:
    """HOSTS as JSON text."""
    data = {
        name: {
            'components': host.components,
            'addresses': host.addresses,
            'platform': host.platform,
            'options': host.options,
        }
        for name, host in hosts.items()
    }
    return json.dumps({'format': FORMAT, 'hosts': data}, indent=1, sort_keys=True) + '\n'


def read(path: str, catalogs: dict[str, Catalog]) -> dict[str, Host]:
    """The hosts in the file PATH, checked like those of an inventory."""
    try:
        data = json.loads(Path(path).read_text())
        if data['format'] != FORMAT:
            raise ValueError(f"format {data['format']!r} instead of {FORMAT}")
        stated = [
            (name, list(host['components']), list(host['addresses']), host['platform'], dict(host['options']))
            for name, host in data['hosts'].items()
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PortmatrixError(
            f'portmatrix_address_book: {path} cannot be used ({type(error).__name__}: {error}); '
            'write it with the plan playbook and portmatrix_address_book_file'
        ) from error
    hosts, problems = {}, []
    for entry in stated:
        try:
            hosts[entry[0]] = _checked(f'portmatrix_address_book: {path}: {entry[0]}', *entry, catalogs)
        except PortmatrixError as error:
            problems.extend(error.problems)
    if problems:
        raise PortmatrixError(*problems)
    return hosts


def _checked(
    where: str,
    name: str,
    declared: list[str],
    known: list[str],
    platform: str,
    options: dict[str, t.Any],
    catalogs: dict[str, Catalog],
) -> Host:
    played = components.played(where, declared, (), catalogs)
    variables = {
        f'{product}_{option}': value for product, values in options.items() for option, value in values.items()
    }
    cidrs = addresses.ordered(cidr for text in known for cidr in addresses.parse_peer(text, where))
    return Host(
        name,
        played,
        tuple(cidrs),
        inventory.platform(where, {'portmatrix_platform': platform}.get),
        inventory.options(where, played, catalogs, variables.get),
    )
