# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the back ends ask about the whole kernel: whether a connection passes, and who reaches a port."""

from __future__ import annotations

import typing as t

from .._model import intervals, traffic
from .._model.connection import Connection
from .._model.directions import INGRESS, opposite
from .._model.intervals import Intervals
from .._model.peers import Any, Peers
from .._model.traffic import FAMILIES
from . import outcome, packets as packets_of, rules
from .flows import addresses_here
from .outcome import Outcome
from .packets import ESTABLISHED, NEW, Packets
from .reader import Kernel
from .rules import Rule, Ruleset
from .surroundings import Surroundings

TCP: Intervals = ((packets_of.TCP, packets_of.TCP),)
# fields by which a rule concerns some of those who connect only
_PARTS = ('source', 'input', 'destination', 'source_port', 'mark')


def of_connection(kernel: Kernel, connection: Connection) -> Outcome:
    """What becomes of a new CONNECTION."""
    family = traffic.family(connection.peer)
    packets = _packets(kernel.surroundings, connection, NEW)
    return outcome.of(kernel.rulesets[family], connection.direction, family, [packets])


def of_replies(kernel: Kernel, connection: Connection) -> Outcome:
    """What becomes of the replies to CONNECTION."""
    family = traffic.family(connection.peer)
    there = _packets(kernel.surroundings, connection, ESTABLISHED)
    back = there._replace(
        source=there.destination,
        destination=there.source,
        source_port=there.destination_port,
        destination_port=there.source_port,
        input=there.output,
        output=there.input,
        flags=packets_of.ANSWERING,
    )
    return outcome.of(kernel.rulesets[family], opposite(connection.direction), family, [back])


def not_denied(kernel: Kernel, connections: t.Iterable[Connection]) -> t.List[Connection]:
    """Those of CONNECTIONS that pass, or for which that cannot be told."""
    return [connection for connection in connections if of_connection(kernel, connection).answer != outcome.DENIED]


MAX_SOURCES = 100  # more are no list that anybody has written


def admitted_sources(kernel: Kernel, port: int, *, exactly: bool) -> t.Optional[Peers]:
    """From where new TCP connections to PORT pass, at every interface and address of this host; None if that cannot be
    told. Unless EXACTLY, rules that deny some of them only are left out: they stay in force before what portmatrix
    adds."""
    admitted: t.Dict[str, Intervals] = {}
    for family in FAMILIES:
        start = _to_port(kernel.surroundings, family, port)
        ruleset = kernel.rulesets[family] if exactly else _without_partial_denials(kernel.rulesets[family])
        found = outcome.of(ruleset, INGRESS, family, [start])
        sources = intervals.merge(span for packets in found.passing for span in packets.source)
        if found.unknown or (sources and packets_of.without([start._replace(source=sources)], found.passing)):
            return None
        admitted[family] = sources
    peers = traffic.peers_in(admitted)
    return None if exactly and not isinstance(peers, Any) and len(peers.addresses) > MAX_SOURCES else peers


def _to_port(surroundings: Surroundings, family: str, port: int) -> Packets:
    return Packets(
        protocol=TCP,
        source=(traffic.whole_family(family),),
        destination=addresses_here(surroundings, family),
        destination_port=((port, port),),
        input=surroundings.all_interfaces(),
    )


def _without_partial_denials(ruleset: Ruleset) -> Ruleset:
    return ruleset._replace(
        tables=tuple(
            table._replace(
                chains={name: [rule for rule in own if not _denies_some(rule)] for name, own in table.chains.items()}
            )
            for table in ruleset.tables
        )
    )


def _denies_some(rule: Rule) -> bool:
    if rule.action.kind not in (rules.DENY, rules.ASK):
        return False
    restricted = {name for condition in rule.conditions for box in condition.boxes for name in box}
    return not rule.is_known or bool(restricted.intersection(_PARTS))


def _packets(surroundings: Surroundings, connection: Connection, state: int) -> Packets:
    """The packets of CONNECTION that its opener sends, in STATE."""
    family = traffic.family(connection.peer)
    peer, local = (traffic.interval(connection.peer),), surroundings.own[family]
    if connection.local and traffic.family(connection.local) == family:
        local = (traffic.interval(connection.local),)
    other = ((connection.other_port, connection.other_port),) if connection.other_port else packets_of.PORTS
    interface = surroundings.interfaces_of(connection.local)
    is_ingress = connection.direction == INGRESS
    return Packets(
        protocol=TCP,
        source=peer if is_ingress else local,
        destination=local if is_ingress else peer,
        source_port=other,
        destination_port=((connection.port, connection.port),),
        input=interface if is_ingress else packets_of.NO_INTERFACE,
        output=packets_of.NO_INTERFACE if is_ingress else interface,
        state=((state, state),),
    )
