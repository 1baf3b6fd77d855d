# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address book as a file: written by a run that reads the whole inventory, for runs that read only a part of it."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses
from .._catalog.model import Catalogs
from . import components, declared_addresses, deployments, settings
from .address_book import Host
from .host_variables import HostVariables

FORMAT = 1


def render(hosts: dict[str, Host]) -> str:
    """HOSTS as JSON text."""
    data = {
        name: {
            'components': host.components,
            'addresses': host.addresses,
            'platform': host.platform,
            'options': host.options,
            'deployments': host.deployments,
            'managed': host.managed,
            'floating': host.floating,
        }
        for name, host in hosts.items()
    }
    return json.dumps({'format': FORMAT, 'hosts': data}, indent=1, sort_keys=True) + '\n'


def read(path: str, catalogs: Catalogs) -> dict[str, Host]:
    """The hosts in the file PATH, checked like those of an inventory."""
    try:
        data = json.loads(Path(path).read_text())
        if data['format'] != FORMAT:
            raise ValueError(f'format must be {FORMAT}')
        entries = [(name, _Entry.from_data(entry)) for name, entry in data['hosts'].items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PortmatrixError(
            f'portmatrix_address_book: {path} cannot be used ({type(error).__name__}: {error}); write it again with '
            'the playbook portmatrix.firewall.plan and portmatrix_address_book_file'
        ) from error
    hosts: dict[str, Host] = {}
    problems: list[str] = []
    for name, entry in entries:
        try:
            hosts[name] = _host(f'portmatrix_address_book: {path}: {name}', name, entry, catalogs)
        except PortmatrixError as error:
            problems.extend(error.problems)
    if problems:
        raise PortmatrixError(*problems)
    return hosts


class _Entry(t.NamedTuple):
    components: list[str]
    addresses: list[str]
    platform: str
    options: dict[str, t.Any]
    deployments: dict[str, t.Any]
    managed: t.Any
    floating: list[str]

    @classmethod
    def from_data(cls, data: dict[str, t.Any]) -> _Entry:
        lists = list(data['components']), list(data['addresses'])
        # files of former versions have neither deployments nor unmanaged hosts nor floating addresses
        own = dict(data.get('deployments', {})), data.get('managed', True)
        if not all(isinstance(values, dict) for values in data['options'].values()) or None in own[0].values():
            raise ValueError('options and deployments must not be empty')
        return cls(*lists, data['platform'], dict(data['options']), *own, list(data.get('floating', [])))


def _host(where: str, name: str, entry: _Entry, catalogs: Catalogs) -> Host:
    variables = {
        f'{product}_{option}': value for product, values in entry.options.items() for option, value in values.items()
    }
    variables.update({f'{product}_{deployments.SUFFIX}': names for product, names in entry.deployments.items()})
    variables.update(portmatrix_platform=entry.platform, portmatrix_managed=entry.managed)
    variables.update(portmatrix_floating_addresses=entry.floating)
    host_variables = HostVariables(where, variables)
    host_components = components.combine(where, entry.components, (), catalogs)
    cidrs = addresses.ordered(cidr for text in entry.addresses for cidr in addresses.parse_peer(text, where))
    return Host(
        name,
        host_components,
        tuple(cidrs),
        settings.read_platform(host_variables),
        settings.read_options(host_variables, host_components, catalogs),
        deployments.of_components(host_variables, host_components),
        settings.read_managed(host_variables),
        declared_addresses.read_floating(host_variables),
    )
