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

from .. import reach
from .kernel import Table

_DEPTH = 20
_FLAGS = ('--set', '--update', '--rcheck', '--rsource', '--rdest', '--syn')


class Packet(t.NamedTuple):
    peer: str
    port: int


def accepts(table: Table, packet: Packet) -> bool:
    """Whether TABLE lets the new TCP connection PACKET come in."""
    verdict = _walk('INPUT', table, packet, 0)
    return (verdict or table.policies.get('INPUT', 'ACCEPT')) == 'ACCEPT'


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
    """(target, whether the rule matches: yes, no, or interface)."""
    words = shlex.split(rule)[2:]
    target, answer, negated = '', 'yes', False
    while words:
        word = words.pop(0)
        if word == '!':
            negated = True
            continue
        if word in _FLAGS:
            answer = 'no'  # rates and TCP flags are not known here
            continue
        value = words.pop(0) if words else ''
        if word in ('-j', '-g'):
            target = value
            break  # what follows are options of the target
        found = _matches(word, value, packet)
        if found is None:
            answer = 'interface' if answer == 'yes' else answer
        elif found == negated:
            answer = 'no'
        negated = False
    return target, answer


def _matches(option: str, value: str, packet: Packet) -> t.Optional[bool]:
    """Whether PACKET has what an option asks for; None where only the interface could tell."""
    if option == '-m':
        return value not in ('limit', 'recent', 'rt', 'hashlimit', 'connlimit', 'string', 'u32', 'bpf')
    if option == '-s':
        return reach.contains([reach.interval(value)], packet.peer) if reach.family(value) == reach.family(packet.peer) else False
    if option == '-p':
        return value in ('tcp', '6')
    if option in ('--dport', '--dports'):
        return any(int(low) <= packet.port <= int(high or low) for low, _colon, high in (part.partition(':') for part in value.split(',')))
    if option in ('--ctstate', '--state'):
        return 'NEW' in value.split(',')
    if option in ('-i', '-o'):
        return False if value == 'lo' else None
    if option == '--dst-type':
        return value == 'LOCAL'
    # -d, --sport and what else there is: it may be so
    return option in ('-d', '--comment', '--sport', '--sports')
