# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machine a host of the inventory leads to. Two names for one would give it two policies in turn."""

from __future__ import annotations

import itertools
import typing as t

from .._base import addresses
from .._base.libraries import netaddr
from . import connection
from .address_book import Host
from .host_variables import HostVariables
from .resolver import Names


class Machine(t.NamedTuple):
    """Where Ansible reaches a `host`: the `target` (an address or a name) and `port` by a connection of this `kind`, on
    this `path`. `is_declared`: portmatrix_addresses says where others see it."""

    host: str
    kind: str
    path: tuple[str, ...]
    target: str
    port: int
    is_declared: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The target, if it has to be resolved."""
        return (self.target,) if self.kind == _NETWORK and addresses.is_name(self.target) else ()


_NETWORK = 'network'


def read(variables: HostVariables) -> Machine:
    """The machine of a host. Raises PortmatrixError for wrong values."""
    plugin = connection.plugin(variables)
    is_network = plugin in (*connection.SSH, *connection.WINDOWS)
    # a local connection leads to the controller, whatever the host is called; that of a container to its name
    target = '' if plugin == connection.LOCAL else connection.target(variables)
    return Machine(
        variables.host,
        _NETWORK if is_network else plugin,
        connection.path(variables) if is_network else connection.own_path(variables),
        target,
        connection.port(variables) if is_network else 0,
        variables.get('portmatrix_addresses') is not None,
    )


Shared = tuple[frozenset[str], str]  # the hosts, and the problem


def find_shared(machines: t.Iterable[Machine], hosts: dict[str, Host], names: Names) -> t.Iterator[Shared]:
    """The hosts that lead to one machine, and those that cannot be told apart behind one address.

    A host that is not managed counts if it leads to the machine of one that is: then its components need that policy.
    """
    by_place: dict[tuple[str, tuple[str, ...], str], list[Machine]] = {}
    for machine in machines:
        is_remote = machine.kind == _NETWORK
        for place in _places(machine, names) if is_remote or hosts[machine.host].managed else ():
            by_place.setdefault((machine.kind, machine.path, place), []).append(machine)
    problems: dict[Shared, None] = {}
    for (_kind, _path, place), together in by_place.items():
        for port, same in itertools.groupby(sorted(together, key=_by_port), key=_by_port):
            named = [machine.host for machine in same]
            if len(named) > 1 and any(hosts[name].managed for name in named):
                problems[frozenset(named), _same_machine(named, place, port)] = None
        if len({machine.port for machine in together}) > 1:
            problems.update(dict.fromkeys(_behind_one_address(together, hosts, place)))
    yield from problems


def _by_port(machine: Machine) -> int:
    return machine.port


def _places(machine: Machine, names: Names) -> list[str]:
    """The target in one spelling: its addresses; a name that only the connection plugin knows is itself."""
    if machine.kind != _NETWORK:
        return [machine.target]
    if addresses.is_address(machine.target):
        return [str(netaddr.IPAddress(machine.target))]
    return (names.known(machine.target) if machine.names else None) or [machine.target.lower()]


def _same_machine(hosts: list[str], place: str, port: int) -> str:
    where = f'{place}, port {port}' if port else place or 'the controller, by a local connection'
    return (
        f'{", ".join(hosts)}: lead to the same machine ({where}), which has one policy; declare all its components for '
        'one of these names, and none for the others'
    )


def _behind_one_address(together: list[Machine], hosts: dict[str, Host], place: str) -> t.Iterator[Shared]:
    for one, other in itertools.combinations(together, 2):
        is_shared = not set(hosts[one.host].addresses).isdisjoint(hosts[other.host].addresses)
        if one.port != other.port and is_shared and not (one.is_declared and other.is_declared):
            yield (
                frozenset([one.host, other.host]),
                f'{one.host}, {other.host}: are reached at the same address {place}, on the ports {one.port} and '
                f'{other.port}, as behind NAT; set portmatrix_addresses for each to where other hosts see it',
            )
