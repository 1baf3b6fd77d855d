# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a filter table does with a new TCP connection: enough of iptables to see a lock-out before it happens.

Where a rule asks for something that is not known here (an interface, a rate), the worse is assumed: it accepts nothing, and it denies only if what it
asks for is an interface.
"""

from __future__ import annotations

import shlex
import typing as t

from ..._model import traffic
from .kernel import Table

_DEPTH = 20
_FLAGS = ('--set', '--update', '--rcheck', '--rsource', '--rdest', '--syn')


# what asks for a rate, a header or a state that a new connection does not have: such a rule is passed by
_ELSEWHERE = ('limit', 'recent', 'rt', 'hashlimit', 'connlimit', 'string', 'u32', 'bpf', 'length', 'ttl', 'hl')
_PLAIN = ('tcp', 'udp', 'conntrack', 'state', 'multiport', 'addrtype', 'comment', 'icmp', 'icmp6')


class Packet(t.NamedTuple):
    """The first packet of a TCP connection from `peer` to `local`, or (`leaving`) one of its answers. `interface` "": it is not known."""

    peer: str
    local: str
    peer_port: int
    port: int
    interface: str = ''
    leaving: bool = False

    def ends(self) -> t.Dict[str, t.Any]:
        """What options of iptables ask for."""
        ends = {'-s': self.peer, '-d': self.local, '--sport': self.peer_port, '--dport': self.port}
        return (
            {'-s': self.local, '-d': self.peer, '--sport': self.port, '--dport': self.peer_port}
            if self.leaving
            else ends
        )


def accepts(table: Table, packet: Packet) -> bool:
    """Whether TABLE lets PACKET in, or out, as if it belonged to no connection that the kernel knows."""
    chain = 'OUTPUT' if packet.leaving else 'INPUT'
    return (_walk(chain, table, packet, 0) or table.policies.get(chain, 'ACCEPT')) == 'ACCEPT'


def _walk(chain: str, table: Table, packet: Packet, depth: int) -> t.Optional[str]:
    """ACCEPT, DROP or REJECT; None where CHAIN decides nothing."""
    for rule in table.chains.get(chain, ()) if depth < _DEPTH else ():
        target, matches = _understand(rule, packet)
        if target in ('DROP', 'REJECT') and matches != 'no':
            return target
        if matches != 'yes':
            continue
        if target == 'ACCEPT':
            return target
        if target == 'RETURN':
            return None
        verdict = _walk(target, table, packet, depth + 1) if target in table.chains else None
        if verdict:
            return verdict
    return None


def _understand(rule: str, packet: Packet) -> t.Tuple[str, str]:
    """(target, whether the rule matches: yes, no, or maybe)."""
    words = shlex.split(rule)[2:]
    target, answer, negated = '', 'yes', False
    while words:
        word = words.pop(0)
        if word == '!':
            negated = True
            continue
        if word in _FLAGS:
            answer = 'no'
            continue
        value = words.pop(0) if words else ''
        if word in ('-j', '-g'):
            target = value
            break  # what follows are options of the target
        found = _matches(word, value, packet)
        if found is None:
            answer = 'maybe' if answer == 'yes' else answer
        elif found == negated:
            answer = 'no'
        negated = False
    return target, answer


def _matches(option: str, value: str, packet: Packet) -> t.Optional[bool]:
    """Whether PACKET has what an option asks for; None where that is not known here."""
    ends = packet.ends()
    if option == '-m':
        return False if value in _ELSEWHERE else True if value in _PLAIN else None
    if option in ('-s', '-d'):
        return traffic.family(value) == traffic.family(ends[option]) and traffic.contains(
            [traffic.interval(value)], ends[option]
        )
    if option == '-p':
        return value in ('tcp', '6')
    if option.rstrip('s') in ('--dport', '--sport'):
        port = ends[option.rstrip('s')]
        return any(
            int(low) <= port <= int(high or low)
            for low, _colon, high in (part.partition(':') for part in value.split(','))
        )
    if option in ('--ctstate', '--state'):
        return 'NEW' in value.split(',')
    if option in ('-i', '-o'):
        if option != ('-o' if packet.leaving else '-i'):
            return False
        return value == packet.interface if packet.interface else (False if value == 'lo' else None)
    if option == '--dst-type':
        return (value == 'UNICAST') if packet.leaving else value in ('LOCAL', 'UNICAST')
    return True if option == '--comment' else None
