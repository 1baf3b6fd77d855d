# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of a host declare, checked: platform, options, addresses, and the settings of its policy."""

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.peers import ANY, Any, Peers
from .._base import addresses
from .._catalog import options
from .._catalog.model import Catalogs, products_of
from . import components, connection
from .host_variables import HostVariables

CONFIRM_TIMEOUT, MIN_TIMEOUT, MAX_TIMEOUT = 30, 5, 3600  # seconds
UNRESOLVED, EGRESS = ('fail', 'skip', 'any'), ('allow', 'deny')
BACKENDS = ('auto', 'firewalld', 'ufw', 'windows')
_WINDOWS_SHELLS = ('powershell', 'cmd', 'ansible.builtin.powershell', 'ansible.builtin.cmd')
ProductOptions = dict[str, dict[str, t.Any]]  # product -> its options with their values


class Settings(t.NamedTuple):
    """How the plan and the policy of one host are made. `peers`: component -> addresses that are declared for it."""

    peers: dict[str, Peers]
    unresolved: str = 'fail'
    egress: str = 'allow'
    exclusive: bool = False
    management_sources: Peers = ANY
    management_ports: tuple[int, ...] = ()
    backend: str = 'auto'
    management_declared: bool = True
    log_denied: bool = False
    local_bridges: bool = False


def read_settings(variables: HostVariables, catalogs: Catalogs) -> Settings:
    """The settings in the variables portmatrix_*. Raises PortmatrixError for wrong values."""
    return Settings(
        _peers(variables, catalogs),
        read_choice(variables, 'portmatrix_unresolved', UNRESOLVED),
        read_choice(variables, 'portmatrix_egress', EGRESS),
        read_flag(variables, 'portmatrix_exclusive'),
        _management_sources(variables),
        _management_ports(variables),
        read_choice(variables, 'portmatrix_backend', BACKENDS),
        variables.get('portmatrix_management_sources') is not None,
        read_flag(variables, 'portmatrix_log_denied'),
        read_flag(variables, 'portmatrix_local_bridges'),
    )


def read_platform(variables: HostVariables) -> str:
    """linux or windows: as declared, otherwise as the connection implies."""
    if variables.get('portmatrix_platform') is not None:
        return read_choice(variables, 'portmatrix_platform', options.PLATFORMS)
    by_connection = connection.plugin(variables) in connection.WINDOWS
    by_shell = variables.get('ansible_shell_type') in _WINDOWS_SHELLS
    return 'windows' if by_connection or by_shell else 'linux'


def read_options(variables: HostVariables, host_components: t.Iterable[str], catalogs: Catalogs) -> ProductOptions:
    """The values of all options of the products whose components a host has."""
    values = {}
    for product in products_of(host_components):
        known = catalogs[product].options
        given = {name: variables.get(f'{product}_{name}') for name in known}
        given = {name: value for name, value in given.items() if value is not None}
        values[product] = options.option_values(known, given, f'{variables.host}: {product}_')
    return values


def read_managed(variables: HostVariables) -> bool:
    """Whether the host gets a policy; otherwise it is only a peer of others."""
    return read_flag(variables, 'portmatrix_managed', default=True)


def names_of_peers(variables: HostVariables) -> set[str]:
    """The names among the peers and the sources of management that a host declares; wrong values are left to who reads
    them."""
    found: set[str] = set()
    try:
        peers = variables.get('portmatrix_peers', {})
        lists = list(peers.values()) if isinstance(peers, dict) else []
        lists.append(variables.get('portmatrix_management_sources', []))
    except PortmatrixError:
        return found
    for members in lists:
        texts = [members] if isinstance(members, str) else members if isinstance(members, list) else []
        found.update(str(text).strip() for text in texts)
    return {text for text in found if addresses.is_name(text) and text.lower() != ANY.value}


def read_choice(variables: HostVariables, name: str, choices: tuple[str, ...]) -> str:
    """The variable NAME, one of CHOICES; the first is the default."""
    value = variables.get(name, choices[0])
    if value not in choices:
        raise PortmatrixError(f'{variables.host}: {name}: must be one of {", ".join(choices)}, got {value!r}')
    return str(value)


def read_flag(variables: HostVariables, name: str, *, default: bool = False) -> bool:
    """The variable NAME as a boolean."""
    value = variables.get(name, default)
    try:
        return bool(boolean(value))
    except TypeError as error:
        raise PortmatrixError(f'{variables.host}: {name}: must be true or false, got {value!r}') from error


def read_confirm_timeout(variables: HostVariables, argument: int | None) -> int:
    """Seconds that a change is pending: the ARGUMENT of the task, otherwise portmatrix_confirm_timeout; 0 keeps it at
    once."""
    name = 'portmatrix_confirm_timeout' if argument is None else 'confirm_timeout'
    value = variables.get(name, CONFIRM_TIMEOUT) if argument is None else argument
    value = int(value) if isinstance(value, str) and value.isdigit() else value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number or not (value == 0 or MIN_TIMEOUT <= value <= MAX_TIMEOUT):
        raise PortmatrixError(
            f'{variables.host}: {name}: must be 0 or {MIN_TIMEOUT} to {MAX_TIMEOUT} seconds (default '
            f'{CONFIRM_TIMEOUT}), got {value!r}'
        )
    return int(value)


def _peers(variables: HostVariables, catalogs: Catalogs) -> dict[str, Peers]:
    declared = variables.get('portmatrix_peers', {})
    name = f'{variables.host}: portmatrix_peers'
    if not isinstance(declared, dict):
        raise PortmatrixError(
            f'{name}: must be a mapping of "product.component" to a list of addresses, got {declared!r}'
        )
    problems: list[str] = []
    peers: dict[str, Peers] = {}
    for component, members in declared.items():
        where = f'{name}[{component!r}]'
        try:
            components.require_known(component, catalogs, where)
            peers[component] = addresses.parse_peers(members, where, variables.names.cidrs)
        except PortmatrixError as error:
            problems.extend(error.problems)
    if problems:
        raise PortmatrixError(*problems)
    return peers


def _management_sources(variables: HostVariables) -> Peers:
    where = f'{variables.host}: portmatrix_management_sources'
    declared = variables.get('portmatrix_management_sources')
    sources = addresses.parse_peers([ANY.value] if declared is None else declared, where, variables.names.cidrs)
    if not isinstance(sources, Any) and not sources.addresses:
        raise PortmatrixError(
            f'{where}: empty, which would deny all management access; list the addresses of your controllers'
        )
    return sources


def _management_ports(variables: HostVariables) -> tuple[int, ...]:
    ports = variables.get('portmatrix_management_ports', [])
    if not isinstance(ports, list) or not all(_is_port(port) for port in ports):
        raise PortmatrixError(
            f'{variables.host}: portmatrix_management_ports: must be a list of ports (numbers from 1 to 65535), got '
            f'{ports!r}'
        )
    return tuple(sorted(set(ports)))


def _is_port(value: t.Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535
