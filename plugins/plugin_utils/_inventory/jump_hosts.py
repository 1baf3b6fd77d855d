# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts of the inventory are reached through which: a jump host that denies its egress would cut them off."""

from __future__ import annotations

import concurrent.futures
import ipaddress
import re
import shlex
import subprocess
import typing as t

from ...module_utils._base.errors import PortmatrixError
from ...module_utils._model.traffic import without_full_prefix
from .._base import addresses
from .._base.ansible_core import ssh_arguments
from . import connection
from .address_book import Host
from .connection import SSH_PORT
from .host_variables import HostVariables, Inventory

_SECONDS, _THREADS = 10, 16
# the ways in which ssh goes through another host: "ssh -G" prints what its files and arguments result in
_JUMP = re.compile(r'(?m)^proxyjump (?!none$)(\S+)$')
_COMMAND = re.compile(r'(?m)^proxycommand (?!none$)(.+)$')
_HOSTNAME, _PORT = re.compile(r'(?m)^hostname (\S+)$'), re.compile(r'(?m)^port (\d+)$')
_WITH_VALUE = 'BbcDEeFIiJLlmOoPpQRSWw'  # options of ssh that have one


class Hop(t.NamedTuple):
    """A host `jump`, by the name that ssh is given, opens connections to `port` of the host `target`; no `cidrs`: its
    addresses are not known."""

    jump: str
    target: str
    port: int
    cidrs: tuple[str, ...]


def egress(inventory: Inventory, known: dict[str, Host]) -> dict[str, list[Hop]]:
    """Host of the inventory -> what it has to reach, as a jump host of others. KNOWN: hosts with their addresses.

    Runs ssh once for each host. A host whose variables cannot be read is reached through nobody.
    """
    reached = [command for command in map(_command, map(inventory.declared, inventory.hosts)) if command]
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        outputs = list(pool.map(_resolved, (command.words for command in reached)))
        hops = [hop for command, output in zip(reached, outputs) for hop in _hops(output, command.host, known)]
        names = sorted({hop.jump for hop in hops})
        # a jump host may be an alias of ssh's files
        aliases = dict(zip(names, pool.map(_resolved, (['ssh', '-G', '--', name] for name in names))))
    by_name = _names(reached, known)
    found: dict[str, list[Hop]] = {}
    for hop in hops:
        real = _first(_HOSTNAME, aliases[hop.jump]) or hop.jump
        for host in {*by_name.get(hop.jump, ()), *by_name.get(real, ())}:
            found.setdefault(host, []).append(hop)
    return found


class _Command(t.NamedTuple):
    """How ssh is asked about `host`, which Ansible reaches at `address`."""

    host: str
    address: str
    words: list[str]


def _command(variables: HostVariables) -> _Command | None:
    try:
        if connection.plugin(variables) not in connection.SSH:
            return None
        address, port = connection.target(variables), connection.declared_port(variables)
        arguments = shlex.split(' '.join(ssh_arguments(variables.get)))
    except (PortmatrixError, ValueError):
        return None
    words = ['ssh', '-G', *arguments, *(['-p', str(port)] if port else []), '--', address]
    return _Command(variables.host, address, words)


def _resolved(command: list[str]) -> str:
    """What ssh makes of its arguments and files; "" if it does not know."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ''


def _hops(output: str, host: str, known: dict[str, Host]) -> list[Hop]:
    """How ssh gets to HOST by what it printed: each hop reaches the next one, and the last one HOST."""
    jumps = _jumps(output)
    target = _first(_HOSTNAME, output)
    if not jumps or addresses.is_address(target) and ipaddress.ip_address(target).is_loopback:
        return []
    port = int(_first(_PORT, output) or SSH_PORT)
    own = known[host].addresses if host in known else ()
    return [*_between(jumps), Hop(jumps[-1][0], host, port, tuple(dict.fromkeys((*_cidrs(target), *own))))]


def _jumps(output: str) -> list[tuple[str, int]]:
    """(host, port) of each hop in what `ssh -G` prints."""
    jump = _first(_JUMP, output)
    if jump:
        return [_destination(text) for text in jump.split(',')]
    destination = _of_ssh(_first(_COMMAND, output))
    return [destination] if destination else []


def _of_ssh(command: str) -> tuple[str, int] | None:
    """Where the ssh in a ProxyCommand connects to; None without ssh."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    # "exec ssh ...", "sshpass -p x ssh ...", "sh -c 'ssh ...'"
    start = next((number for number, word in enumerate(words) if word.rpartition('/')[2] == 'ssh'), None)
    if start is None:
        nested = next((word for word in words if ' ' in word and 'ssh ' in word), '')
        return _of_ssh(nested) if nested and nested != command else None
    port, number = SSH_PORT, start + 1
    while number < len(words) and words[number].startswith('-'):
        flags = words[number][1:]
        taking = next((position for position, flag in enumerate(flags) if flag in _WITH_VALUE), None)
        value = ''
        if taking is not None:
            value = flags[taking + 1 :] or (words[number + 1] if number + 1 < len(words) else '')
            number += not flags[taking + 1 :]
            port = int(value) if flags[taking] == 'p' and value.isdigit() else port
        number += 1
    target = _destination(words[number])[0] if number < len(words) else ''
    # in another program's words, what follows is no host
    return (target, port) if target and '%' not in target else None


def _destination(text: str) -> tuple[str, int]:
    """Host and port of "[user@]host[:port]" or "ssh://..."."""
    text = text.removeprefix('ssh://').rpartition('@')[2].rstrip('/')
    match = re.fullmatch(r'\[(.+)\](?::(\d+))?|([^:]+)(?::(\d+))?', text)
    if not match:
        return text, SSH_PORT  # an IPv6 address without brackets
    return match.group(1) or match.group(3), int(match.group(2) or match.group(4) or SSH_PORT)


def _between(jumps: list[tuple[str, int]]) -> t.Iterator[Hop]:
    for (jump, _port), (target, port) in zip(jumps, jumps[1:]):
        yield Hop(jump, target, port, _cidrs(target))


def _cidrs(target: str) -> tuple[str, ...]:
    """The address TARGET as a CIDR; nothing for a name."""
    return tuple(addresses.parse_peer(target, target)) if addresses.is_address(target) else ()


def _names(reached: t.Iterable[_Command], known: dict[str, Host]) -> dict[str, set[str]]:
    """What ssh may call a host -> hosts of the inventory."""
    names: dict[str, set[str]] = {}
    for command in reached:
        own = known[command.host].addresses if command.host in known else ()
        for name in (command.host, command.address, *map(without_full_prefix, own)):
            names.setdefault(name, set()).add(command.host)
    return names


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match.group(1) if match else ''
