# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a filter table does with a new TCP connection: enough of iptables to detect a lock-out before it happens.

If a rule matches something that is unknown here (an interface, a rate), the worse is assumed: it accepts nothing, and
it denies only if what it matches is an interface."""

from __future__ import annotations

import shlex
import typing as t

from ..._host import management
from ..._model import traffic
from ..._model.connection import Connection
from ..._model.directions import INGRESS
from .kernel import Table, Tables
from .tuples import parse_ports

_MAX_DEPTH = 20
_FLAGS = ('--set', '--update', '--rcheck', '--rsource', '--rdest', '--syn')
_TWO_VALUES = ('--match-set', '--tcp-flags')
# modules that match a rate, a header or a state that a new connection does not have: such a rule is skipped
_NEVER_MATCHING = ('limit', 'recent', 'rt', 'hashlimit', 'connlimit', 'string', 'u32', 'bpf', 'length', 'ttl', 'hl')
_OPTIONS_ONLY = ('tcp', 'udp', 'conntrack', 'state', 'multiport', 'addrtype', 'comment', 'icmp', 'icmp6')
YES, NO, UNKNOWN = 'yes', 'no', 'unknown'


class Packet(t.NamedTuple):
    """A TCP packet of a connection; `interface` is where it arrives or leaves ("": unknown), `state` as conntrack
    names it."""

    chain: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    interface: str
    state: str

    @property
    def is_leaving(self) -> bool:
        return self.chain == 'OUTPUT'


def accepts(table: Table, connection: Connection, interface: str = '') -> bool:
    """Whether TABLE accepts a new CONNECTION over INTERFACE ("": unknown)."""
    peer, local = (connection.peer, connection.other_port), (connection.local, connection.port)
    if connection.direction == INGRESS:
        return _accepts(table, Packet('INPUT', *peer, *local, interface, 'NEW'))
    return _accepts(
        table,
        Packet('OUTPUT', connection.local, connection.other_port, connection.peer, connection.port, interface, 'NEW'),
    )


def accepted(tables: Tables, connections: t.Iterable[Connection]) -> t.List[Connection]:
    """Those of CONNECTIONS that the table of their family accepts anew."""
    return [
        connection
        for connection in connections
        if traffic.family(connection.peer) in tables
        and accepts(tables[traffic.family(connection.peer)], connection, management.interface(connection.local))
    ]


def accepts_replies(table: Table, connection: Connection, interface: str = '') -> bool:
    """Whether TABLE accepts the replies to an ingress CONNECTION that it has accepted."""
    peer, local = (connection.peer, connection.other_port), (connection.local, connection.port)
    return _accepts(table, Packet('OUTPUT', *local, *peer, interface, 'ESTABLISHED'))


def _accepts(table: Table, packet: Packet) -> bool:
    return (_walk(packet.chain, table, packet, 0) or table.policies.get(packet.chain, 'ACCEPT')) == 'ACCEPT'


def _walk(chain: str, table: Table, packet: Packet, depth: int) -> t.Optional[str]:
    """ACCEPT, DROP or REJECT; None if CHAIN does not decide."""
    for rule in table.chains.get(chain, ()) if depth < _MAX_DEPTH else ():
        target, matches = evaluate(rule, packet)
        if target in ('DROP', 'REJECT') and matches != NO:
            return target
        if matches != YES:
            continue
        if target == 'ACCEPT':
            return target
        if target == 'RETURN':
            return None
        verdict = _walk(target, table, packet, depth + 1) if target in table.chains else None
        if verdict:
            return verdict
    return None


def evaluate(rule: str, packet: Packet) -> t.Tuple[str, str]:
    """(target, whether the rule matches: YES, NO or UNKNOWN)."""
    words = (shlex.split(rule) if '"' in rule or "'" in rule else rule.split())[2:]
    target, answer, is_negated = '', YES, False
    while words:
        word = words.pop(0)
        if word == '!':
            is_negated = True
            continue
        if word in _FLAGS:
            answer = NO
            continue
        value = words.pop(0) if words else ''
        if word in _TWO_VALUES and words:
            words.pop(0)
        if word in ('-j', '-g'):
            target = value
            break  # what follows are options of the target
        matches = _matches(word, value, packet)
        if matches is None:
            answer = UNKNOWN if answer == YES else answer
        elif matches == is_negated:
            answer = NO
        is_negated = False
    return target, answer


def _matches(option: str, value: str, packet: Packet) -> t.Optional[bool]:
    """Whether PACKET matches an option; None if that is unknown here."""
    if option == '-m':
        return False if value in _NEVER_MATCHING else True if value in _OPTIONS_ONLY else None
    if option in ('-s', '-d'):
        address = packet.source if option == '-s' else packet.destination
        same_family = traffic.family(value) == traffic.family(address)
        return same_family and traffic.contains([traffic.interval(value)], address)
    if option == '-p':
        return value in ('tcp', '6')
    if option.rstrip('s') in ('--dport', '--sport'):
        port = packet.source_port if option.startswith('--s') else packet.destination_port
        return any(low <= port <= high for low, high in parse_ports(value))
    if option in ('--ctstate', '--state'):
        return packet.state in value.split(',')
    if option in ('-i', '-o'):
        return _matches_interface(option, value, packet)
    if option == '--dst-type':
        return (value == 'UNICAST') if packet.is_leaving else value in ('LOCAL', 'UNICAST')
    return True if option == '--comment' else None


def _matches_interface(option: str, value: str, packet: Packet) -> t.Optional[bool]:
    if option != ('-o' if packet.is_leaving else '-i'):
        return False
    if packet.interface:
        return value == packet.interface
    return False if value == 'lo' else None
