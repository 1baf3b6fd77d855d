# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between the platforms on the controller's side. A new one is a file here and a line in PLATFORMS.

A platform is made with `get`, which gives a host's variables. It has a `name` and a `title`, the `MODULE` that does its work, the `BACKENDS` it knows,
and: `prepare(connection)` before the module runs; `arguments(wanted, check)`: what WANTED of the module's arguments becomes here;
`render(backend, document)`: the result of `state: rendered`; `Channel(action, task_vars, pending)` with `confirm()` and `outcome()`: what the host says
about a change that waits, as (answer or None, why none).
"""

from __future__ import annotations

import typing as t

from ....module_utils._base.errors import PortmatrixError
from .linux import Linux
from .windows import Windows

PLATFORMS: dict[str, t.Any] = {platform.name: platform for platform in (Linux, Windows)}


def choose(host: str, name: str, backend: str, get: t.Callable[..., t.Any]) -> t.Any:
    """The platform NAME of HOST. Raises PortmatrixError where it does not know the BACKEND."""
    platform = PLATFORMS[name](get)
    if backend not in platform.BACKENDS:
        raise PortmatrixError(
            f'{host}: backend: {backend!r} does not work on {platform.title} hosts; choose from {", ".join(platform.BACKENDS)}'
        )
    return platform


def agree(host: str, platform: t.Any, shell: t.Any) -> None:
    """Raise PortmatrixError where the connection's SHELL is not one of PLATFORM: the rules were planned for another one."""
    speaks = Windows.name if getattr(shell, '_IS_WINDOWS', False) else Linux.name
    if speaks != platform.name:
        raise PortmatrixError(
            f'{host}: its platform is {platform.name}, but its connection speaks to a {speaks} shell; set ansible_connection and '
            f'ansible_shell_type in the inventory, or portmatrix_platform: {speaks}, so that its peers plan with the same'
        )
