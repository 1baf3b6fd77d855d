# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the whole kernel does with packets, in three answers: they pass, they are denied, or it cannot be told."""

from __future__ import annotations

import typing as t

from . import packets as packets_of, rules, walk
from .packets import ICMPV6, Packets
from .rules import Ruleset
from .walk import Decision

PASSES, DENIED, UNKNOWN = 'passes', 'is denied', 'cannot be told'


class Outcome(t.NamedTuple):
    """Packets by what becomes of them, and the decisions on their way."""

    passing: t.List[Packets]
    denied: t.List[Packets]
    unknown: t.List[Packets]
    decisions: t.List[Decision]

    @property
    def answer(self) -> str:
        """The one answer for all of the packets; UNKNOWN if they do not have the same."""
        found = [
            answer for answer, sets in ((PASSES, self.passing), (DENIED, self.denied), (UNKNOWN, self.unknown)) if sets
        ]
        return found[0] if len(found) == 1 else UNKNOWN


def of(ruleset: Ruleset, direction: str, family: str, start: t.Sequence[Packets]) -> Outcome:
    """The outcome for the packets START of FAMILY in DIRECTION, which are disjoint."""
    try:
        walked = walk.follow(ruleset, direction, family, _tracked(start, family))
    except walk.TooManyPieces:
        return Outcome([], [], list(start), [])
    decisions = [decision._replace(packets=_as_sent(decision.packets, start)) for decision in walked.decisions]
    passed = packets_of.merged(_as_sent(packets, start) for packets in walked.passed)
    stopped = [decision for decision in decisions if decision.kind != rules.ACCEPT]
    asked = [decision.packets for decision in stopped if decision.kind == rules.ASK]
    denied = packets_of.merged(decision.packets for decision in stopped)
    doubtful = packets_of.merged([*packets_of.common(passed, denied), *asked])
    if ruleset.unread:
        # something else may deny, but nothing can admit what is denied
        doubtful = packets_of.merged([*doubtful, *packets_of.without(passed, denied)])
    return Outcome(
        packets_of.without(passed, doubtful),
        packets_of.without(denied, doubtful),
        doubtful,
        decisions,
    )


# neighbour discovery and multicast listener discovery, which the kernel does not track
_UNTRACKED_ICMPV6 = {'protocol': ((ICMPV6, ICMPV6),), 'icmp_type': ((130, 137), (143, 143))}


def _tracked(start: t.Iterable[Packets], family: str) -> t.Iterator[Packets]:
    """START with the state that each packet really has."""
    for packets in start:
        untracked, rest = packets_of.split(packets, _UNTRACKED_ICMPV6) if family == 'ipv6' else (None, [packets])
        yield from rest
        if untracked is not None:
            yield untracked._replace(state=packets_of.UNTRACKED_STATE)


def _as_sent(packets: Packets, start: t.Sequence[Packets]) -> Packets:
    """PACKETS with the mark and the state that those of START had."""
    return packets._replace(mark=start[0].mark, state=start[0].state) if start else packets
