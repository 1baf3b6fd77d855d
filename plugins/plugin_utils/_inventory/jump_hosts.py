# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts of the inventory are reached through which: a jump host that denies its egress would cut them off."""

from __future__ import annotations

import concurrent.futures
import contextlib
import re
import shlex
import subprocess
import typing as t

from ...module_utils._base.errors import PortmatrixError
from .._base import addresses
from .._base.ansible_core import ssh_arguments
from . import settings
from .address_book import Host
from .host_variables import HostVariables, Inventory

SSH_PORT = 22
_SECONDS, _THREADS = 10, 16
_SSH_CONNECTIONS = ('ssh', 'ansible.builtin.ssh', 'smart')
# the ways in which ssh goes through another host: "ssh -G" prints what its files and arguments result in
_JUMP = re.compile(r'(?m)^proxyjump (?!none$)(\S+)$')
_COMMAND = re.compile(r'(?m)^proxycommand (?!none$)(.+)$')
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

    Runs ssh once for each host.
    """
    hosts = [inventory.declared(name) for name in inventory.hosts]
    reached = [host for host in hosts if host.get('ansible_connection', 'ssh') in _SSH_CONNECTIONS]
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        commands = [_command(host) for host in reached]
        outputs = list(pool.map(_resolved, commands))
    hops = [hop for host, output in zip(reached, outputs) for hop in _hops(output, host, known)]
    names = _names(hosts) if hops else {}
    found: dict[str, list[Hop]] = {}
    for hop in hops:
        for host in names.get(hop.jump, ()):
            found.setdefault(host, []).append(hop)
    return found


def _command(host: HostVariables) -> list[str]:
    port = host.get('ansible_port')
    arguments = shlex.split(' '.join(ssh_arguments(host.get)))
    target = str(host.get('ansible_host') or host.host)
    return ['ssh', '-G', *arguments, *(['-p', str(port)] if port else []), '--', target]


def _resolved(command: list[str]) -> str:
    """What ssh makes of its arguments and files; "" without ssh."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ''


def _hops(output: str, host: HostVariables, known: dict[str, Host]) -> list[Hop]:
    """How ssh gets to HOST by what it printed: each hop reaches the next one, and the last one HOST."""
    jumps = _jumps(output)
    if not jumps:
        return []
    match = re.search(r'(?m)^port (\d+)$', output)
    port = int(match.group(1)) if match else SSH_PORT
    return [*_between(jumps), Hop(jumps[-1][0], host.host, port, _addresses(host, known))]


def _jumps(output: str) -> list[tuple[str, int]]:
    """(host, port) of each hop in what `ssh -G` prints."""
    match = _JUMP.search(output)
    if match:
        return [_destination(text) for text in match.group(1).split(',')]
    match = _COMMAND.search(output)
    destination = _of_ssh(match.group(1)) if match else None
    return [destination] if destination else []


def _of_ssh(command: str) -> tuple[str, int] | None:
    """Where the ssh in a ProxyCommand connects to; None for another program."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    if not words or words[0].rpartition('/')[2] != 'ssh':
        return None
    port, number = SSH_PORT, 1
    while number < len(words) and words[number].startswith('-'):
        option = words[number]
        takes_next = option[-1] in _WITH_VALUE and len(option) == 2
        if option == '-p' and number + 1 < len(words):
            port = int(words[number + 1])
        number += 2 if takes_next else 1
    return (_destination(words[number])[0], port) if number < len(words) else None


def _destination(text: str) -> tuple[str, int]:
    """Host and port of "[user@]host[:port]" or "ssh://..."."""
    text = text.removeprefix('ssh://').rpartition('@')[2].rstrip('/')
    match = re.fullmatch(r'\[(.+)\](?::(\d+))?|([^:]+)(?::(\d+))?', text)
    if not match:
        return text, SSH_PORT  # an IPv6 address without brackets
    return match.group(1) or match.group(3), int(match.group(2) or match.group(4) or SSH_PORT)


def _between(jumps: list[tuple[str, int]]) -> t.Iterator[Hop]:
    for (jump, _port), (target, port) in zip(jumps, jumps[1:]):
        cidrs = addresses.parse_peer(target, jump) if addresses.is_address(target) else []
        yield Hop(jump, target, port, tuple(cidrs))


def _addresses(host: HostVariables, known: dict[str, Host]) -> tuple[str, ...]:
    """At which addresses HOST is reached: where Ansible connects to, and where others see it."""
    target = str(host.get('ansible_host') or host.host)
    own = addresses.parse_peer(target, host.host) if addresses.is_address(target) else []
    declared = known[host.host].addresses if host.host in known else ()
    if not (own or declared):
        with contextlib.suppress(PortmatrixError):
            declared = tuple(settings.read_addresses(host)[0])
    return tuple(dict.fromkeys([*own, *declared]))


def _names(hosts: t.Iterable[HostVariables]) -> dict[str, set[str]]:
    """What ssh may call a host -> hosts of the inventory."""
    names: dict[str, set[str]] = {}
    for host in hosts:
        for name in (host.host, str(host.get('ansible_host') or host.host)):
            names.setdefault(name, set()).add(host.host)
    return names
