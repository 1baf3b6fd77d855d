# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where others see a host, as its variables declare it."""

from __future__ import annotations

import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.peers import Any
from .._base import addresses
from . import connection
from .host_variables import HostVariables


class DeclaredAddresses(t.NamedTuple):
    """Canonical `cidrs`, and `names` that stand for more of them; where they are declared: the variable `place`."""

    cidrs: tuple[str, ...]
    names: tuple[str, ...]
    place: str


def read_addresses(variables: HostVariables) -> DeclaredAddresses:
    """The addresses at which others see a host: portmatrix_addresses, otherwise where Ansible reaches it.

    Raises PortmatrixError for wrong values.
    """
    host, declared = variables.host, variables.get('portmatrix_addresses')
    if declared is not None:
        where = f'{host}: portmatrix_addresses'
        if not isinstance(declared, list) or not declared:
            raise PortmatrixError(
                f'{where}: must be a list of addresses, got {declared!r}; list at least one at which other hosts '
                'reach this one'
            )
        texts = [str(text).strip() for text in declared]
        cidrs = [cidr for text in texts if not addresses.is_name(text) for cidr in addresses.parse_peer(text, where)]
        return DeclaredAddresses(tuple(addresses.ordered(cidrs)), tuple(filter(addresses.is_name, texts)), where)
    if connection.plugin(variables) == connection.LOCAL:
        raise PortmatrixError(
            f'{host}: ansible_connection is local, so the address of this host is unknown; set portmatrix_addresses'
        )
    target, where = connection.target(variables), f'{host}: ansible_host'
    if addresses.is_address(target) or '%' in target:
        return DeclaredAddresses(tuple(addresses.parse_peer(target, where)), (), where)
    if addresses.is_number(target):
        raise PortmatrixError(
            f'{host}: {target!r} is neither a name nor a complete address; set ansible_host or portmatrix_addresses'
        )
    return DeclaredAddresses((), (target,), host)


def read_floating(variables: HostVariables) -> tuple[str, ...]:
    """The addresses that the host may hold in turn with others: portmatrix_floating_addresses."""
    declared, where = (
        variables.get('portmatrix_floating_addresses', []),
        f'{variables.host}: portmatrix_floating_addresses',
    )
    peers = addresses.parse_peers(declared, where, variables.names.cidrs)
    if isinstance(peers, Any):
        raise PortmatrixError(f'{where}: must be a list of addresses, got {declared!r}')
    return peers.addresses
