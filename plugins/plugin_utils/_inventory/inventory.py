# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory declares, read for every host: the only place that knows how Ansible keeps its variables.

Errors of all hosts are collected, so that one run tells an operator everything that needs mending.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses
from .._catalog import conditions
from .._catalog.loader import Catalog
from .._plan.planner import Settings
from . import components

CONFIRM_TIMEOUT, SHORTEST, LONGEST = 30, 5, 3600
UNRESOLVED, EGRESS, BACKENDS = ('fail', 'skip', 'any'), ('allow', 'deny'), ('auto', 'firewalld', 'ufw', 'windows')
_WINDOWS_CONNECTIONS = ('winrm', 'psrp', 'ansible.builtin.winrm', 'ansible.builtin.psrp')
_WINDOWS_SHELLS = ('powershell', 'cmd', 'ansible.builtin.powershell', 'ansible.builtin.cmd')
_LOCAL = ('local', 'ansible.builtin.local')


class Inventory:
    """Variables of all hosts as one host-task sees them. A value is resolved (templates and all) only when it is asked for."""

    def __init__(self, task_vars: dict[str, t.Any], templar: t.Any):
        self._hostvars, self._templar, self._task_vars = task_vars['hostvars'], templar, task_vars
        self.groups: dict[str, list[str]] = task_vars['groups']
        self._raw: dict[str, dict[str, t.Any]] = {}

    def raw(self, host: str) -> dict[str, t.Any]:
        """Variables of HOST without templates resolved. Costs up to 5 ms a host, so each is read once."""
        if host not in self._raw:
            self._raw[host] = self._hostvars.raw_get(host)
        return self._raw[host]

    def value(self, host: str, name: str, default: t.Any = None) -> t.Any:
        """The variable NAME as HOST sees it, templates resolved, as plain data."""
        raw = self.raw(host)
        return self.resolve(raw, name, default) if name in raw else default

    def setting(self, host: str, name: str, default: t.Any = None) -> t.Any:
        """The variable NAME for HOST as a task of this play sees it: variables of the play count for all its hosts."""
        own = self.raw(str(self._task_vars['inventory_hostname']))
        if name in self._task_vars and (name not in own or own[name] != self._task_vars[name]):
            return self.resolve(self._task_vars, name, default)
        return self.value(host, name, default)

    def resolve(self, variables: dict[str, t.Any], name: str, default: t.Any = None) -> t.Any:
        """The same in a given set of VARIABLES (those of the running task, for its own host)."""
        if name not in variables:
            return default
        value = variables[name]
        if _has_template(value):
            scope = {**variables, 'hostvars': self._hostvars, 'groups': self.groups}
            try:
                value = self._templar.copy_with_new_env(available_variables=scope).template(value)
            except Exception as error:  # any plugin may be called by a template, so anything may be raised
                raise PortmatrixError(
                    f'{name}: the template does not resolve ({error}); mend it or its variables'
                ) from error
        return plain(value)


def _has_template(value: t.Any) -> bool:
    if isinstance(value, str):
        return '{{' in value or '{%' in value
    if isinstance(value, dict):
        return any(map(_has_template, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_has_template, value))


def plain(value: t.Any) -> t.Any:
    """VALUE as built-in types, without the tags that ansible-core 2.19 and later carry along."""
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def platform(host: str, get: t.Callable[..., t.Any]) -> str:
    """linux or windows: stated, else what the connection tells."""
    stated = get('portmatrix_platform')
    if stated is not None:
        if stated not in conditions.PLATFORMS:
            raise PortmatrixError(
                f'{host}: portmatrix_platform: {stated!r} is unknown; choose from {", ".join(conditions.PLATFORMS)}'
            )
        return str(stated)
    windows = get('ansible_connection') in _WINDOWS_CONNECTIONS or get('ansible_shell_type') in _WINDOWS_SHELLS
    return 'windows' if windows else 'linux'


def options(
    host: str, played: t.Iterable[str], catalogs: dict[str, Catalog], get: t.Callable[..., t.Any]
) -> dict[str, dict[str, t.Any]]:
    """Values of all options of the products that HOST plays a part in."""
    values = {}
    for product in sorted({component.partition('.')[0] for component in played}):
        names = catalogs[product].options
        given = {name: get(f'{product}_{name}') for name in names}
        values[product] = conditions.option_values(
            names, {name: value for name, value in given.items() if value is not None}, f'{host}: {product}_'
        )
    return values


def stated_addresses(host: str, get: t.Callable[..., t.Any]) -> tuple[list[str], str | None]:
    """(canonical CIDRs, name to resolve): what HOST's own variables say about its addresses; one of the two is empty."""
    stated = get('portmatrix_addresses')
    if stated is not None:
        if not isinstance(stated, list) or not stated:
            raise PortmatrixError(
                f'{host}: portmatrix_addresses: {stated!r} is no list of addresses; list at least one address at which others see the host'
            )
        return addresses.ordered(
            cidr for text in stated for cidr in addresses.parse_peer(text, f'{host}: portmatrix_addresses')
        ), None
    if get('ansible_connection') in _LOCAL:
        raise PortmatrixError(
            f'{host}: its connection is local, which says nothing about how others see it; set portmatrix_addresses'
        )
    target = str(get('ansible_host') or host)
    if addresses.is_address(target):
        return addresses.parse_peer(target, f'{host}: ansible_host'), None
    if addresses.is_number(target):
        raise PortmatrixError(
            f'{host}: {target!r} is neither a name nor a whole address; set ansible_host or portmatrix_addresses'
        )
    return [], target


def settings(host: str, catalogs: dict[str, Catalog], get: t.Callable[..., t.Any]) -> Settings:
    """How HOST wants its plan and policy, by its variables portmatrix_*."""
    peers = get('portmatrix_peers', {})
    if not isinstance(peers, dict):
        raise PortmatrixError(
            f'{host}: portmatrix_peers: {peers!r} is no mapping of "product.component" to a list of addresses'
        )
    problems, found = [], {}
    for component, members in peers.items():
        try:
            found[component] = _peers(f'{host}: portmatrix_peers[{component!r}]', component, members, catalogs)
        except PortmatrixError as error:
            problems.extend(error.problems)
    if problems:
        raise PortmatrixError(*problems)
    return Settings(
        found,
        choice(host, 'portmatrix_unresolved', UNRESOLVED, get),
        choice(host, 'portmatrix_egress', EGRESS, get),
        truth(host, 'portmatrix_exclusive', get),
        _management_sources(host, get('portmatrix_management_sources', ['any'])),
        _management_ports(host, get('portmatrix_management_ports', [])),
        choice(host, 'portmatrix_backend', BACKENDS, get),
    )


def _management_sources(host: str, stated: t.Any) -> tuple[str, ...]:
    sources = address_list(f'{host}: portmatrix_management_sources', stated)
    if not sources:
        raise PortmatrixError(
            f'{host}: portmatrix_management_sources: empty, which would lock out everybody; list the addresses of your controllers'
        )
    return sources


def _management_ports(host: str, stated: t.Any) -> tuple[int, ...]:
    if not isinstance(stated, list) or not all(
        isinstance(port, int) and not isinstance(port, bool) and 1 <= port <= 65535 for port in stated
    ):
        raise PortmatrixError(
            f'{host}: portmatrix_management_ports: {stated!r} is no list of ports (numbers from 1 to 65535)'
        )
    return tuple(sorted(set(stated)))


def choice(host: str, name: str, choices: tuple[str, ...], get: t.Callable[..., t.Any]) -> str:
    """The variable NAME, one of CHOICES; the first is the default."""
    value = get(name, choices[0])
    if value not in choices:
        raise PortmatrixError(f'{host}: {name}: {value!r} is unknown; choose from {", ".join(choices)}')
    return str(value)


def seconds(host: str, stated: int | None, get: t.Callable[..., t.Any]) -> int:
    """How long a change may wait for its confirmation: what the task STATED, else portmatrix_confirm_timeout; 0 keeps a change at once."""
    value = get('portmatrix_confirm_timeout', CONFIRM_TIMEOUT) if stated is None else stated
    value = int(value) if isinstance(value, str) and value.isdigit() else value
    if not isinstance(value, int) or isinstance(value, bool) or not (value == 0 or SHORTEST <= value <= LONGEST):
        raise PortmatrixError(
            f'{host}: portmatrix_confirm_timeout: {value!r} is none; give {SHORTEST} to {LONGEST} seconds, or 0 to keep changes unconfirmed'
        )
    return value


def _peers(where: str, component: str, members: t.Any, catalogs: dict[str, Catalog]) -> tuple[str, ...]:
    if not components.is_known(component, catalogs):
        raise PortmatrixError(f'{where}: {components.unknown(component, catalogs)}')
    return address_list(where, members)


def address_list(where: str, members: t.Any) -> tuple[str, ...]:
    """Canonical CIDRs of a list of addresses, CIDRs and ranges; ("any",) where the list says any."""
    members = [members] if isinstance(members, str) else members
    if not isinstance(members, list):
        raise PortmatrixError(
            f'{where}: {members!r} is no list; list addresses, CIDRs, ranges or any (an empty list: nobody plays it)'
        )
    if addresses.ANY in members:
        return (addresses.ANY,)
    return tuple(addresses.merge(cidr for text in members for cidr in addresses.parse_peer(text, where)))


def truth(host: str, name: str, get: t.Callable[..., t.Any]) -> bool:
    """The variable NAME as a truth value; false where it is not set."""
    try:
        return bool(boolean(get(name, False)))
    except TypeError as error:
        raise PortmatrixError(f'{host}: {name}: {get(name)!r} is no truth value; write true or false') from error
