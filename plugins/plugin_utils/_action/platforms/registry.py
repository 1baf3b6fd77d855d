# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The platforms. To add one: a file here, and a line in PLATFORMS."""

from __future__ import annotations

from ....module_utils._base.errors import PortmatrixError
from ..._base.ansible_core import RemoteHost
from ..._inventory import settings
from ..._inventory.host_variables import HostVariables
from .base import Platform
from .linux import Linux
from .windows import Windows

PLATFORMS: dict[str, type[Platform]] = {Linux.name: Linux, Windows.name: Windows}


def choose(variables: HostVariables, backend: str) -> Platform:
    """The platform of a host. Raises PortmatrixError if it does not support BACKEND."""
    platform = PLATFORMS[settings.read_platform(variables)](variables)
    if backend not in platform.backends:
        raise PortmatrixError(
            f'{variables.host}: backend: {backend!r} is not available on {platform.title} hosts; choose from '
            f'{", ".join(platform.backends)}'
        )
    return platform


def require_host_itself(host: RemoteHost) -> None:
    """Raise PortmatrixError if the task of HOST acts on another host, which would get its policy."""
    if host.delegate:
        raise PortmatrixError(
            f'{host.name}: delegate_to: {host.delegate} would get the policy of {host.name}; run the task on the hosts '
            'that are to be changed (state: rendered may be delegated)'
        )


def require_proof(platform: Platform, host: RemoteHost, confirm_timeout: int) -> None:
    """Raise PortmatrixError if a change cannot be confirmed over HOST's connection, since it passes no firewall."""
    if confirm_timeout and host.connection_name not in platform.connections:
        raise PortmatrixError(
            f'{host.name}: the connection {host.connection_name} does not reach the host through its firewall, so '
            'a new one proves nothing about management access; set portmatrix_confirm_timeout: 0 to keep changes '
            f'without that proof, or connect with {platform.connections[0]}'
        )


def require_same(platform: Platform, host: RemoteHost) -> None:
    """Raise PortmatrixError if the shell of HOST's connection belongs to another platform than the plan assumes."""
    connected = Windows.name if host.has_windows_shell else Linux.name
    if connected != platform.name:
        raise PortmatrixError(
            f'{host.name}: its platform is {platform.name}, but its connection uses a {connected} shell; set '
            f'ansible_connection and ansible_shell_type in the inventory, or portmatrix_platform: {connected}, so '
            'that its peers plan with the same platform'
        )
