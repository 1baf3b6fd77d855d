# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From where management access is open: by the guard of portmatrix, or by the rules in force.

Rules of others that deny some sources stay in force before ours, so they are left out. A rule that accepts under a
condition that is not known here (an interface, a set) admits somebody, but who is not known.
"""

from __future__ import annotations

import re
import typing as t

from ..._model import traffic
from ..._model.peers import ANY, Peers
from ..._model.policy import GUARD
from . import notes, verdict
from .kernel import Table, Tables
from .tuples import Tuple
from .verdict import NO, UNKNOWN, YES, Packet

_SOURCE = re.compile(r'( !)? -s (\S+)')
_DESTINATION = re.compile(r'(?: !)? -d \S+')
_HERE = {'ipv4': '192.0.2.1', 'ipv6': '2001:db8::1'}  # in place of the address of this host, which may have several
_MAX_DEPTH = 20


class _Unknown(Exception):
    """Somebody is admitted, but who is not known."""


def by_guard(rules: t.Mapping[str, t.Iterable[Tuple]], port: int) -> t.Optional[Peers]:
    """From where the managed RULES, by family, admit management access to PORT; None without such a rule."""
    spans: t.Dict[str, t.List[traffic.Interval]] = {family: [] for family in rules}
    for family, own in rules.items():
        for rule in own:
            if any(GUARD in flows and _includes(ports, port) for ports, flows in notes.flows_of(rule)):
                spans[family].append(traffic.interval(rule.src))
    return _peers(spans) if any(spans.values()) else None


def by_rules(tables: Tables, port: int) -> t.Optional[Peers]:
    """From where TABLES admit new connections to PORT, at every interface; None if that is not known."""
    spans: t.Dict[str, t.List[traffic.Interval]] = {}
    try:
        for family, table in tables.items():
            packet = Packet('INPUT', '', 50000, _HERE[family], port, '', 'NEW')
            rest, admitted = _walk('INPUT', table, packet, family, (traffic.whole_family(family),), 0)
            is_open = table.policies.get('INPUT', 'ACCEPT') == 'ACCEPT'
            spans[family] = [*admitted, *(rest if is_open else ())]
    except (_Unknown, ValueError, OSError):
        return None
    return _peers(spans)


def _peers(spans: t.Mapping[str, t.Iterable[traffic.Interval]]) -> Peers:
    merged = {family: traffic.merge(intervals) for family, intervals in spans.items()}
    if all(intervals == (traffic.whole_family(family),) for family, intervals in merged.items()):
        return ANY  # of a family that ufw does not manage, nothing is asked for
    return traffic.peers_in(merged)


Sources = t.Tuple[traffic.Interval, ...]


def _walk(
    chain: str, table: Table, packet: Packet, family: str, sources: Sources, depth: int
) -> t.Tuple[Sources, t.List[traffic.Interval]]:
    """(the SOURCES that CHAIN does not decide about, those that it admits)."""
    rest = sources
    returned: t.List[traffic.Interval] = []
    admitted: t.List[traffic.Interval] = []
    for rule in table.chains.get(chain, ()) if depth < _MAX_DEPTH else ():
        target, matches = verdict.evaluate(_DESTINATION.sub('', _SOURCE.sub('', rule)), packet)
        if matches == YES and _DESTINATION.search(rule):
            matches = UNKNOWN  # this host may have several addresses
        concerned = traffic.common(rest, _sources_of(rule, family)) if matches != NO else ()
        if not concerned or target in ('DROP', 'REJECT') and (matches != YES or concerned != rest):
            continue
        if target in table.chains:
            undecided, inside = _walk(target, table, packet, family, concerned, depth + 1)
            if matches != YES and inside:
                raise _Unknown
            admitted.extend(inside)
            rest = traffic.merge((*traffic.without(rest, concerned), *undecided)) if matches == YES else rest
        elif target in ('ACCEPT', 'RETURN', 'DROP', 'REJECT'):
            if matches != YES:
                raise _Unknown
            admitted.extend(concerned if target == 'ACCEPT' else ())
            returned.extend(concerned if target == 'RETURN' else ())
            rest = traffic.without(rest, concerned)
    return traffic.merge((*rest, *returned)), admitted


def _sources_of(rule: str, family: str) -> Sources:
    match = _SOURCE.search(rule)
    whole = (traffic.whole_family(family),)
    if not match:
        return whole
    named = (traffic.interval(match.group(2)),)
    return traffic.without(whole, named) if match.group(1) else named


def _includes(ports: str, port: int) -> bool:
    low, _dash, high = ports.partition('-')
    return bool(ports) and int(low) <= port <= int(high or low)
