# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What zones and policies of others mean for a policy of portmatrix: what they allow beyond it, and what they deny."""

from __future__ import annotations

import typing as t

from ..._host import management
from ..._model import intervals as intervals_of, protocols, traffic
from ..._model.connection import Connection, is_allowed
from ..._model.openings import Opening, diff_lines
from ..._model.traffic import AllowedTraffic
from .documents import Documents, allowed_traffic
from .precedence import Order, Step
from .slots import BUILT_IN, EXCLUSIVE_PRIORITY, SLOTS

Orders = t.Mapping[str, Order]  # by direction
_MANY = 1000  # networks of one rule: not compared with the policy, so named


class Effect(t.NamedTuple):
    """What others allow beyond a policy: by `rules`, which count before it unless it is exclusive, by the `targets` of
    zones, whose place it takes, and by policies that decide `first`, whatever it is. What they deny of it (`denials`;
    `first_denials`), and the `helpers` of connection tracking that they attach to what it allows, by their text."""

    rules: t.Tuple[Opening, ...] = ()
    targets: t.Tuple[Opening, ...] = ()
    first: t.Tuple[Opening, ...] = ()
    denials: t.Tuple[str, ...] = ()
    first_denials: t.Tuple[str, ...] = ()
    helpers: t.Tuple[str, ...] = ()

    def open(self, documents: Documents) -> t.Tuple[Opening, ...]:
        """What of it is open with the policies of DOCUMENTS in force."""
        directions = {policy.direction for policy in documents.active.values()}
        shared = {policy.direction for name, policy in documents.active.items() if not is_exclusive(name)}
        return (
            *self.first,
            *(opening for opening in self.rules if opening.direction in shared or opening.direction not in directions),
            *(opening for opening in self.targets if opening.direction not in directions),
        )

    def lines(self, documents: Documents) -> t.List[str]:
        """Lines of a diff about it, with them in force."""
        still = self.open(documents)
        closed = [opening for opening in (*self.rules, *self.targets) if opening not in still]
        return [*diff_lines(still, is_open=True), *diff_lines(closed, is_open=False)]


def is_exclusive(name: str) -> bool:
    return name in SLOTS and SLOTS[name].exclusive


def effect(orders: Orders, wanted: Documents, priorities: t.Mapping[str, int]) -> Effect:
    """What others mean for the policies in force in WANTED. PRIORITIES: of the policies of others."""
    by_policy = allowed_traffic(wanted)
    directions = {policy.direction for policy in wanted.active.values()}
    first = _first(priorities)
    found: t.Dict[str, t.List[t.Tuple[str, Step]]] = {}
    for direction, order in orders.items():
        for step in order.steps if direction in directions else ():
            kind = _kind(step, direction, by_policy)
            if step.place in first:
                kind = {'rules': 'first', 'denials': 'first_denials'}.get(kind, '')
            if kind:
                found.setdefault(kind, []).append((direction, step))
    rules, targets, early = (_openings(found.get(kind, ())) for kind in ('rules', 'targets', 'first'))
    texts = (
        tuple(dict.fromkeys(_text(step) for _direction, step in found.get(kind, ())))
        for kind in ('denials', 'first_denials', 'helpers')
    )
    return Effect(rules, targets, early, *texts)


def after_reload(running: Orders, tried: Orders) -> Orders:
    """What others decide after a reload: what they have in the RUNNING firewalld, which is restored, and what is in the
    files (TRIED). Rules that firewalld has not written are gone."""
    orders = {}
    for direction in {*running, *tried}:
        steps = [
            step
            for order in (running.get(direction), tried.get(direction))
            for step in (order.steps if order else ())
            if not step.is_inserted
        ]
        orders[direction] = Order(tuple(dict.fromkeys(steps)), True, ())
    return orders


def _first(priorities: t.Mapping[str, int]) -> t.Set[str]:
    """The places that decide before every policy of portmatrix."""
    return {f'policy {name}' for name, number in priorities.items() if number <= EXCLUSIVE_PRIORITY}


def _kind(step: Step, direction: str, allowed: AllowedTraffic) -> str:
    """The part of an Effect that STEP belongs to, "" if it makes no difference."""
    if step.verdict == 'accept':
        is_built_in = step.place == f'policy {BUILT_IN}' and step.fields.protocols == ('icmpv6',)
        is_extra = not is_built_in and not _is_part(step, direction, allowed)
        return '' if not is_extra else 'targets' if step.is_target else 'rules'
    if step.is_target or not _overlaps(step, direction, allowed):
        return ''
    return 'denials' if step.verdict == 'deny' else 'helpers'


def _openings(found: t.Iterable[t.Tuple[str, Step]]) -> t.Tuple[Opening, ...]:
    return tuple(
        dict.fromkeys(
            Opening(
                direction,
                step.fields.protocols,
                step.fields.ports if step.fields.side == 'destination' else (),
                _text(step),
                step.fields.exact and not (step.fields.family or step.fields.interfaces),
            )
            for direction, step in found
        )
    )


def _text(step: Step) -> str:
    return f'firewalld {step.place}: {step.text}{" (its target)" if step.is_target else ""}'


def _families(step: Step) -> t.List[str]:
    return [step.fields.family] if step.fields.family else list(traffic.FAMILIES)


def _is_part(step: Step, direction: str, allowed: AllowedTraffic) -> bool:
    """Whether all that STEP selects is part of ALLOWED."""
    fields = step.fields
    if not fields.protocols or fields.side == 'source' or (fields.peers and len(fields.peers) > _MANY):
        return False
    return all(
        traffic.allows_span(allowed, direction, family, protocol, ports, span)
        for family in _families(step)
        for protocol in fields.protocols
        if traffic.ONLY_IN.get(protocol, family) == family
        for ports in fields.ports or _all_ports(protocol)
        for span in fields.peers or [traffic.whole_family(family)]
    )


def _all_ports(protocol: str) -> t.List[traffic.Ports]:
    return [traffic.ALL_PORTS if protocol in protocols.WITH_PORTS else traffic.NO_PORTS]


def _overlaps(step: Step, direction: str, allowed: AllowedTraffic) -> bool:
    """Whether STEP may select something that is part of ALLOWED."""
    fields = step.fields
    for service, intervals in allowed.items():
        if (
            service.direction == direction
            and fields.family in (None, service.family)
            and service.protocol in (fields.protocols or (service.protocol,))
            and any(
                traffic.overlap(span, (service.low, service.high))
                for span in (fields.ports if fields.side == 'destination' else ()) or [traffic.ALL_PORTS]
            )
            and (fields.peers is None or intervals_of.common(intervals, fields.peers))
        ):
            return True
    return False


def allowed(
    documents: Documents, orders: Orders, priorities: t.Mapping[str, int], connections: t.Sequence[Connection]
) -> t.List[Connection]:
    """Those of CONNECTIONS that are allowed anew with the policies of DOCUMENTS in force; if there is none, and others
    leave it open, that is not known, and counts as allowed. PRIORITIES: of the policies of others."""
    by_policy = allowed_traffic(documents)
    interfaces = {local: management.interface(local) for local in {connection.local for connection in connections}}
    modes = {policy.direction: is_exclusive(name) for name, policy in documents.active.items()}
    first = _first(priorities)
    found = []
    for connection in connections:
        mode = modes.get(connection.direction)
        order = orders.get(connection.direction)
        steps: t.Iterable[Step] = order.steps if order else ()
        if mode:  # an exclusive policy comes before most
            steps = (step for step in steps if step.place in first)
        answer = _verdict(steps, connection, interfaces[connection.local], with_targets=mode is None)
        if answer is None:
            answer = mode is None or is_allowed(by_policy, connection)
        if answer:
            found.append(connection)
    return found


def _verdict(
    steps: t.Iterable[Step], connection: Connection, interface: str, *, with_targets: bool
) -> t.Optional[bool]:
    """Whether STEPS allow a new CONNECTION at INTERFACE; None if they leave that to a policy of portmatrix, which takes
    the place of the targets of zones (without WITH_TARGETS), or it is not known."""
    for step in steps:
        if step.verdict != 'helper' and step.fields.selects(connection, interface):
            return step.verdict == 'accept' if with_targets or not step.is_target else None
    return None
