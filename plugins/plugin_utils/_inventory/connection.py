# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible reaches a host, read from the same variables as its connection plugin reads."""

from __future__ import annotations

import functools
import shlex
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base.ansible_inventory import connection_variables
from .host_variables import HostVariables

SSH_PORT, WINRM_PORT = 22, 5986
DEFAULT, LOCAL = 'ssh', 'local'
WINDOWS = ('winrm', 'psrp')
# the connection plugins that read ssh's files; "smart" is ssh
SSH = ('ssh', 'smart', 'paramiko', 'paramiko_ssh', 'libssh')
# where it is said that two equal addresses are different hosts, in networks behind other jump hosts
_ARGUMENTS = ('ansible_ssh_args', 'ansible_ssh_common_args', 'ansible_ssh_extra_args')
_PROXIES = ('ansible_paramiko_proxy_command', 'ansible_psrp_proxy')
_DECIDING = ('proxyjump', 'proxycommand', 'hostname', 'port', 'bindinterface')


def plugin(variables: HostVariables) -> str:
    """The short name of the connection plugin."""
    name = str(variables.get('ansible_connection') or DEFAULT).rpartition('.')[2]
    return DEFAULT if name == 'smart' else name


def target(variables: HostVariables) -> str:
    """The address or the name at which Ansible reaches the host: its own name if no variable says another one."""
    return str(_read(variables, 'host') or variables.host).strip()


def declared_port(variables: HostVariables) -> t.Any:
    """The port that the inventory sets, None if it sets none."""
    return _read(variables, 'port')


def port(variables: HostVariables, default: int | None = None) -> int:
    """The port by which Ansible reaches the host; DEFAULT is that of its connection plugin. Raises PortmatrixError for
    anything else than a port."""
    value = declared_port(variables)
    if value in (None, ''):
        return default or (WINRM_PORT if plugin(variables) in WINDOWS else SSH_PORT)
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise PortmatrixError(f'{variables.host}: ansible_port: must be a port (1 to 65535), got {value!r}')
    return int(text)


def path(variables: HostVariables) -> tuple[str, ...]:
    """What the inventory says of the way to the host; equal for hosts that are reached in the same way."""
    words = [word for name in _ARGUMENTS for word in _words(str(variables.get(name) or ''))]
    return (*_of_way(words), *(str(variables.get(name) or '') for name in _PROXIES))


def own_path(variables: HostVariables) -> tuple[str, ...]:
    """The same for a plugin whose variables are not known: all that begin with its name."""
    prefix = f'ansible_{plugin(variables)}_'
    names = sorted(name for name in variables.set_by_people() if name.startswith(prefix) and not name.endswith('_host'))
    return tuple(f'{name}={variables.get(name)}' for name in names)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _of_way(words: list[str]) -> t.Iterator[str]:
    """Those arguments of ssh that decide where a connection leads."""
    for number, word in enumerate(words):
        following = words[number + 1] if number + 1 < len(words) else ''
        if word[:2] in ('-J', '-F'):
            yield f'{word[:2]} {word[2:] or following}'
        option = following if word == '-o' else word[2:] if word.startswith('-o') else ''
        name, _separator, value = option.replace('=', ' ', 1).strip().partition(' ')
        if name.lower() in _DECIDING:
            yield f'{name.lower()} {value.strip()}'


def _read(variables: HostVariables, option: str) -> t.Any:
    value = None
    for name in _names(plugin(variables), option):
        found = variables.get(name)
        value = value if found is None else found
    return value


@functools.cache
def _names(name: str, option: str) -> tuple[str, ...]:
    return tuple(connection_variables(name, option))
