# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a filter table does with a new TCP connection: enough of iptables to detect a lock-out before it happens.

If a rule matches something that is unknown here (an interface, a rate), the worse is assumed: it accepts nothing, and
it denies only if what it matches is an interface."""

from __future__ import annotations

import re
import shlex
import typing as t

from ..._host import management
from ..._model import traffic
from ..._model.connection import Connection
from ..._model.directions import INGRESS
from ..._model.peers import ANY, Peers
from .kernel import Table, Tables
from .tuples import parse_ports

_MAX_DEPTH = 20
_FLAGS = ('--set', '--update', '--rcheck', '--rsource', '--rdest', '--syn')
# modules that match a rate, a header or a state that a new connection does not have: such a rule is skipped
_NEVER_MATCHING = ('limit', 'recent', 'rt', 'hashlimit', 'connlimit', 'string', 'u32', 'bpf', 'length', 'ttl', 'hl')
_OPTIONS_ONLY = ('tcp', 'udp', 'conntrack', 'state', 'multiport', 'addrtype', 'comment', 'icmp', 'icmp6')
_SOURCE = re.compile(r'(?: !)? -s (\S+)')
_ANYBODY = {'ipv4': '192.0.2.1', 'ipv6': '2001:db8::1'}  # in place of an address of this host that is not known
_SOURCE_PORT = 50000
YES, NO, UNKNOWN = 'yes', 'no', 'unknown'


class _Packet(t.NamedTuple):
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
        return _accepts(table, _Packet('INPUT', *peer, *local, interface, 'NEW'))
    return _accepts(
        table,
        _Packet('OUTPUT', connection.local, connection.other_port, connection.peer, connection.port, interface, 'NEW'),
    )


def accepts_replies(table: Table, connection: Connection, interface: str = '') -> bool:
    """Whether TABLE accepts the replies to an ingress CONNECTION that it has accepted."""
    peer, local = (connection.peer, connection.other_port), (connection.local, connection.port)
    return _accepts(table, _Packet('OUTPUT', *local, *peer, interface, 'ESTABLISHED'))


def _accepts(table: Table, packet: _Packet) -> bool:
    return (_walk(packet.chain, table, packet, 0) or table.policies.get(packet.chain, 'ACCEPT')) == 'ACCEPT'


def _walk(chain: str, table: Table, packet: _Packet, depth: int) -> t.Optional[str]:
    """ACCEPT, DROP or REJECT; None if CHAIN does not decide."""
    for rule in table.chains.get(chain, ()) if depth < _MAX_DEPTH else ():
        target, matches = _evaluate(rule, packet)
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


def _evaluate(rule: str, packet: _Packet) -> t.Tuple[str, str]:
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


def _matches(option: str, value: str, packet: _Packet) -> t.Optional[bool]:
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


def _matches_interface(option: str, value: str, packet: _Packet) -> t.Optional[bool]:
    if option != ('-o' if packet.is_leaving else '-i'):
        return False
    if packet.interface:
        return value == packet.interface
    return False if value == 'lo' else None


def admitted_sources(tables: Tables, port: int, connection: t.Optional[Connection]) -> Peers:
    """From where TABLES admit new connections to PORT, at the interface of CONNECTION.

    One address of each range that no rule divides is tried out.
    """
    interface = management.interface(connection.local) if connection else ''
    admitted: t.Dict[str, t.Tuple[traffic.Interval, ...]] = {}
    for family, table in tables.items():
        local = connection.local if connection and traffic.family(connection.local) == family else _ANYBODY[family]
        incoming = Connection(INGRESS, _ANYBODY[family], port, local, _SOURCE_PORT)
        relevant = _without_others(table, _Packet('INPUT', '', _SOURCE_PORT, local, port, interface, 'NEW'))
        admitted[family] = traffic.merge(
            (first, last)
            for first, last in _undivided(family, relevant)
            if accepts(relevant, incoming._replace(peer=traffic.address_text(first, family)), interface)
        )
    if all(spans == (traffic.whole_family(family),) for family, spans in admitted.items()):
        return ANY  # of a family that ufw does not manage, nothing is asked for
    return traffic.peers_in(admitted)


def _without_others(table: Table, packet: _Packet) -> Table:
    """TABLE without the rules that do not match PACKET, whatever its source: there may be thousands."""
    chains = {
        name: tuple(rule for rule in rules if _evaluate(_SOURCE.sub('', rule), packet)[1] != NO)
        for name, rules in table.chains.items()
    }
    return table._replace(chains=chains)


def _undivided(family: str, table: Table) -> t.Iterator[traffic.Interval]:
    """Ranges of addresses for which every rule of TABLE has the same answer."""
    starts = {0}
    for rules in table.chains.values():
        for rule in rules:
            match = _SOURCE.search(rule)
            if match and traffic.family(match.group(1)) == family:
                first, last = traffic.interval(match.group(1))
                starts.update((first, last + 1))
    end = traffic.whole_family(family)[1]
    ordered = sorted(start for start in starts if start <= end)
    yield from zip(ordered, (*(start - 1 for start in ordered[1:]), end))
