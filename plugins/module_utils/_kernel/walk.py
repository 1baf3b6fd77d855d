# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow sets of packets through the chains of the kernel, as it would take them.

A rule that is known takes exactly the packets that it selects. One that is not (a rate, a name that cannot be resolved,
a module that is not known here) may take them or not: they go both ways. So what is decided about them is known where
all their ways end alike, and only there.
"""

from __future__ import annotations

import typing as t

from .._model.directions import INGRESS
from . import hooks, packets as packets_of, rules
from .packets import INVALID_STATE, ONLY_NEW, UNTRACKED_STATE, Packets
from .rules import Action, BaseChain, Place, Rule, Ruleset, Table

MAX_PIECES = 20_000
_MAX_DEPTH = 100  # of jumps; the kernel has a limit, too
_MANY = 24  # pieces from which on they are merged, if they have become twice as many


class TooManyPieces(Exception):
    """The rules divide the packets into more sets than can be followed."""


class Decision(t.NamedTuple):
    """A rule (or, without a text, the policy of a base chain) that decides about `packets`. `kind`: accept, deny, or
    ask where something else than the rules decides. `names_peers`: it, or a jump to it, is about certain peers, as
    that of a ban is."""

    kind: str
    packets: Packets
    place: Place
    names_peers: bool = False


class Walked(t.NamedTuple):
    """What passes all hooks, and every decision on the way. Packets that are sent elsewhere are among those of `ask`;
    if it is another port of this host, they pass with that one, too."""

    passed: t.List[Packets]
    decisions: t.List[Decision]


def follow(ruleset: Ruleset, direction: str, family: str, start: t.Iterable[Packets]) -> Walked:
    """What becomes of the packets START of FAMILY in DIRECTION. Raises TooManyPieces."""
    walk = _Walk('source' if direction == INGRESS else 'destination')
    pieces = list(start)
    for hook in hooks.HOOKS[direction]:
        bases = hooks.bases(ruleset, hook, family)
        for table, base in bases:
            if hooks.is_order_unknown(table, base, bases):
                pieces = [piece._replace(mark=packets_of.MARKS) for piece in pieces]
            pieces = walk.at(table, base, pieces, hooks.TRACKING.get(hook))
    return Walked(pieces, walk.decisions)


class _Walk:
    def __init__(self, peer_field: str) -> None:
        self._peer_field = peer_field
        self.decisions: t.List[Decision] = []
        self._accepted: t.List[Packets] = []
        self._depth = 0

    def at(self, table: Table, base: BaseChain, pieces: t.List[Packets], tracking: t.Optional[int]) -> t.List[Packets]:
        """What passes a base chain of a hook, at which connections are tracked from the priority TRACKING on."""
        if tracking is None or base.priority > tracking:
            return self.base(table, base, pieces)
        if base.priority < tracking:
            return self.untracked_base(table, base, pieces)
        # of two at the same place, either may come first
        return _merged([*self.base(table, base, pieces), *self.untracked_base(table, base, pieces)])

    def untracked_base(self, table: Table, base: BaseChain, pieces: t.List[Packets]) -> t.List[Packets]:
        """What passes a base chain that is asked before connections are tracked."""
        passed: t.List[Packets] = []
        for piece in pieces:
            start = piece if piece.state == UNTRACKED_STATE else piece._replace(state=INVALID_STATE)
            for one in self.base(table, base, [start]):
                passed.append(one if one.state == UNTRACKED_STATE else one._replace(state=piece.state))
        return _merged(passed)

    def base(self, table: Table, base: BaseChain, pieces: t.List[Packets]) -> t.List[Packets]:
        """What passes a base chain."""
        self._accepted = []
        number = len(self.decisions)
        # of a device, which nft does not always print; or at a place that is not that of its priority
        is_somewhere = base.hook in ('ingress', 'egress') or (base.is_nat and base.hook == 'input')
        untranslated: t.List[Packets] = []
        if base.is_nat:
            # only the first packet of a connection is asked about
            untranslated = [piece for piece in pieces if piece.state != ONLY_NEW]
            pieces = [piece for piece in pieces if piece.state == ONLY_NEW]
        rest = self._chain(table, base.chain, pieces)
        place = Place(table.program, table.family, table.name, base.chain)
        self._decide(base.policy, rest, place)
        if is_somewhere:
            kinds = {decision.kind for decision in self.decisions[number:]}
            marks = {piece.mark for piece in self._accepted} | {piece.mark for piece in pieces}
            is_harmless = kinds <= {rules.ACCEPT} and len(marks) < 2
            passed = pieces if is_harmless else [*pieces, *self._accepted]
            return _merged([*passed, *untranslated])
        return _merged([*self._accepted, *untranslated])

    def _chain(self, table: Table, name: str, pieces: t.List[Packets], names_peers: bool = False) -> t.List[Packets]:
        """What the chain NAME leaves undecided; NAMES_PEERS: only certain peers get there."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise TooManyPieces
        undecided = self._follow_rules(table, table.chains.get(name, ()), pieces, names_peers)
        self._depth -= 1
        return undecided

    def _follow_rules(
        self, table: Table, chain: t.Iterable[Rule], pieces: t.List[Packets], names_peers: bool
    ) -> t.List[Packets]:
        returned: t.List[Packets] = []
        many = _MANY
        for rule in chain:
            if not pieces:
                break
            if rule.action.kind == rules.CONTINUE:
                continue
            matched, pieces = _split(rule, pieces)
            if not matched:
                continue
            action = rule.action
            is_named = names_peers or any(condition.names(self._peer_field) for condition in rule.conditions)
            if action.kind in (rules.JUMP, rules.GOTO) and action.chain not in table.chains:
                self._decide(rules.ASK, matched, rule.place, is_named)  # a target that is not known here
            elif action.kind == rules.JUMP:
                pieces = [*pieces, *self._chain(table, action.chain, matched, is_named)]
            elif action.kind in (rules.GOTO, rules.RETURN):
                is_goto = action.kind == rules.GOTO
                returned += self._chain(table, action.chain, matched, is_named) if is_goto else matched
            elif action.kind in _CHANGES:
                pieces = [*pieces, *(_CHANGES[action.kind](piece, action) for piece in matched)]
            else:
                self._decide(action.kind, matched, rule.place, is_named)
                if action.kind == rules.REDIRECT:
                    self._accepted += [_redirected(piece, action) for piece in matched]
            if len(pieces) > many:
                pieces = _merged(pieces)
                many = max(_MANY, 2 * len(pieces))
        return _merged([*pieces, *returned])

    def _decide(self, kind: str, pieces: t.List[Packets], place: Place, names_peers: bool = False) -> None:
        if kind == rules.ACCEPT:
            self._accepted += pieces
        kind = kind if kind in (rules.ACCEPT, rules.DENY) else rules.ASK
        self.decisions += [Decision(kind, piece, place, names_peers) for piece in pieces]
        if len(self.decisions) > MAX_PIECES:
            raise TooManyPieces


def _marked(piece: Packets, action: Action) -> Packets:
    ((first, last),) = piece.mark if len(piece.mark) == 1 else ((0, 1),)
    if action.keep is None or (first != last and action.keep):
        return piece._replace(mark=packets_of.MARKS)
    value = (first & action.keep) ^ action.flip
    return piece._replace(mark=((value, value),))


def _untracked(piece: Packets, _action: Action) -> Packets:
    # one with another state is tracked already
    return piece._replace(state=UNTRACKED_STATE) if piece.state == INVALID_STATE else piece


_CHANGES: t.Dict[str, t.Callable[[Packets, Action], Packets]] = {rules.MARK: _marked, rules.UNTRACK: _untracked}


def _redirected(piece: Packets, action: Action) -> Packets:
    ports = packets_of.PORTS if action.port is None else ((action.port, action.port),)
    return piece._replace(destination_port=ports)


def _split(rule: Rule, pieces: t.List[Packets]) -> t.Tuple[t.List[Packets], t.List[Packets]]:
    """(those of PIECES that RULE takes, those that it leaves)."""
    taken: t.List[Packets] = []
    left: t.List[Packets] = []
    bounds = packets_of.outer_bounds(rule.conditions[0]) if rule.conditions else []
    for piece in pieces:
        # most rules are about other packets
        if any(piece[field][0][0] > last or piece[field][-1][1] < first for field, first, last in bounds):
            left.append(piece)
            continue
        matched, rest = packets_of.select(rule.conditions, piece)
        taken += matched
        left += [piece] if not rule.is_known or not matched else rest
    return taken, left


def _merged(pieces: t.List[Packets]) -> t.List[Packets]:
    result = packets_of.merged(pieces)
    if len(result) > MAX_PIECES:
        raise TooManyPieces
    return result
