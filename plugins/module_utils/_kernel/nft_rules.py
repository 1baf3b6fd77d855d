# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of nftables, from the statements that `nft -j -n` prints for each."""

from __future__ import annotations

import json
import typing as t

from .._model import intervals
from . import nft_changes, nft_sets, packets, rules
from .nft_sets import Entries, Sets
from .nft_values import WITH_PORTS, Json, Selected, flags, has_key, number, reads_any_transport, select
from .packets import Box, Condition
from .rules import Action, Place, Rule, Unknown
from .surroundings import Context

_VERDICTS = {'accept': rules.ACCEPT, 'drop': rules.DENY, 'reject': rules.DENY, 'return': rules.RETURN}
# statements after which a packet goes on
_HARMLESS = ('log', 'ct helper', 'ct timeout', 'ct expectation', 'secmark', 'dup', 'flow', 'last', '*')  # fmt: skip
_FINAL = {'masquerade': rules.ACCEPT, 'snat': rules.ACCEPT, 'dnat': rules.AWAY, 'continue': rules.CONTINUE}
_LIMITS = ('limit', 'quota', 'ct count', 'meter')
_REJECTS = {'icmp': 'ipv4', 'icmpv6': 'ipv6'}
_ALL_FLAGS = 255
_NEGATIONS = ('!=', '!')  # the second: none of these bits


class RuleReader:
    """Reads the rules of one chain. One rule of nft can be several here: one for each entry of a verdict map."""

    def __init__(self, context: Context, sets: Sets, place: Place) -> None:
        self._context, self._sets, self._place = context, sets, place
        self._conditions: t.List[Condition] = []
        self._is_known = True
        self._reads_any_transport = False

    def read(self, statements: t.Iterable[Json]) -> t.Iterator[Rule]:
        for rule in self._rules(statements):
            if self._reads_any_transport:
                # what it reads in packets without ports is not known
                ports, others = (Condition(({'protocol': WITH_PORTS},), negated) for negated in (False, True))
                yield rule._replace(conditions=(ports, *rule.conditions))
                yield rule._replace(conditions=(others,), is_known=False)
            else:
                yield rule

    def _rules(self, statements: t.Iterable[Json]) -> t.Iterator[Rule]:
        for statement in statements:
            ((kind, body),) = statement.items()
            if kind == 'match':
                self._add_match(body)
            elif kind in _LIMITS or _has_limit(body):
                self._is_known = False
            elif kind == 'xt' and (body or {}).get('type') == 'match':
                self._is_known = False  # of iptables, and in a table that iptables cannot print
            elif kind == 'vmap':
                yield from self._verdict_map(body)
            elif kind in ('set', 'map'):
                self._require(body['elem'] if isinstance(body['elem'], dict) else {})
                self._is_known = False  # a set that is full takes nothing, and ends the rule
            elif kind == 'counter':
                self._is_known = self._is_known and not (isinstance(body, dict) and 'map' in body)
            elif kind not in _HARMLESS:
                yield from self._final(kind, body)

    def _final(self, kind: str, body: Json) -> t.Iterator[Rule]:
        """The rule for a statement that decides, or changes the packet."""
        if kind == 'mangle':
            self._require(body['key'])
            self._is_known = self._is_known and 'map' not in json.dumps(body['value'])
        if kind == 'reject' and (body or {}).get('type') == 'tcp reset':
            self._conditions.append(Condition(({'protocol': ((6, 6),)},)))
        yield self._rule(self._action(kind, body))

    def _rule(self, action: Action, *more: Condition, is_known: bool = True) -> Rule:
        conditions = packets.combined((*self._conditions, *more))
        return Rule(conditions, action, self._place, self._is_known and is_known)

    def _add_match(self, body: Json) -> None:
        if self._require(body['left']):
            try:
                condition, is_known = self._match(body['op'], body['left'], body['right'])
            except (Unknown, KeyError, TypeError, ValueError):
                self._is_known = False
                return
            self._is_known = self._is_known and is_known
            self._conditions.append(condition)

    def _require(self, key: Json) -> bool:
        """Restrict the rule to the packets that have KEY; whether there are any."""
        box = has_key(key, self._context)
        if box != {}:
            self._conditions.append(Condition((box,) if box else ()))
        self._reads_any_transport = self._reads_any_transport or reads_any_transport(key)
        return box is not None

    def _match(self, operator: str, left: Json, right: Json) -> t.Tuple[Condition, bool]:
        """(the condition, whether it is exact): an inexact one selects more than the match does."""
        if isinstance(left, dict) and '&' in left:
            return nft_changes.masked(operator, left['&'], right), True
        if left.get('payload', {}).get('field') == 'flags' and operator in ('==', '!='):
            return nft_changes.masked(operator, [left, _ALL_FLAGS], right), True
        bits = left.get('ct', {}).get('key') == 'state' or left.get('payload', {}).get('field') == 'flags'
        if bits and isinstance(right, (list, dict, int)) and not _is_set(right):
            right = flags(right)  # any of these bits
        if operator in ('<', '>', '<=', '>='):
            right = nft_changes.comparison(operator, number(right)[0])
        selected = [selection for value in nft_sets.items(right, self._sets) for selection in self._one(left, value)]
        boxes = tuple(one.box for one in selected if one.box is not None)
        is_known = all(one.is_known for one in selected)
        if operator in _NEGATIONS and not is_known:
            raise Unknown
        return Condition(packets.united(boxes), operator in _NEGATIONS), is_known

    def _one(self, left: Json, value: Json) -> t.Iterator[Selected]:
        if not (isinstance(left, dict) and 'concat' in left):
            yield select(left, value, self._context)
            return
        parts = [select(key, part, self._context) for key, part in zip(left['concat'], nft_sets.parts(value))]
        if all(part.box is not None for part in parts):
            yield Selected(_all_of([part.box or {} for part in parts]), all(part.is_known for part in parts))

    def _verdict_map(self, body: Json) -> t.Iterator[Rule]:
        try:
            entries: Entries = nft_sets.items(body['data'], self._sets)
            pairs = sorted(((key, verdict) for key, verdict in entries), key=lambda pair: pair[0] == '*')
        except (Unknown, TypeError, ValueError):
            yield self._rule(Action(rules.ASK), is_known=False)
            return
        if not self._require(body['key']):
            return
        boxes: t.List[Box] = []
        for key, verdict in pairs:
            ((kind, target),) = verdict.items()
            action = self._action(kind, target)
            if key == '*':
                # what comes back from a jump of another entry is not taken by this one
                yield self._rule(action, Condition(packets.united(boxes), True))
                continue
            try:
                condition, is_known = self._match('==', body['key'], nft_sets.value_of(key))
                boxes += condition.boxes
                yield self._rule(action, condition, is_known=is_known)
            except (Unknown, KeyError, TypeError, ValueError):
                yield self._rule(action, is_known=False)

    def _action(self, kind: str, body: Json) -> Action:
        if kind in _VERDICTS:
            family = _REJECTS.get(str((body or {}).get('type'))) if kind == 'reject' else None
            if family not in (None, self._context.family):
                self._conditions.append(Condition(()))  # nft does not list the family that a rejection implies
            return Action(_VERDICTS[kind])
        if kind in ('jump', 'goto'):
            return Action(rules.JUMP if kind == 'jump' else rules.GOTO, str(body['target']))
        if kind == 'notrack':
            return Action(rules.UNTRACK)
        if kind in _FINAL:
            return Action(_FINAL[kind])
        if kind == 'mangle':
            return nft_changes.change(body)
        if kind == 'redirect':
            port = (body or {}).get('port')
            return Action(rules.REDIRECT, port=port if isinstance(port, int) else None)
        return Action(rules.ASK)


def _has_limit(body: Json) -> bool:
    """Whether the entry that a statement adds to a set has a rate."""
    return isinstance(body, dict) and any(kind in _LIMITS for part in body.get('stmt', ()) for kind in part)


def _is_set(right: Json) -> bool:
    return isinstance(right, dict) and 'set' in right


def _all_of(boxes: t.Iterable[Box]) -> t.Optional[Box]:
    """What is in all BOXES; None if nothing is."""
    result: t.Dict[str, intervals.Intervals] = {}
    for box in boxes:
        for name, spans in box.items():
            result[name] = intervals.common(result[name], spans) if name in result else spans
            if not result[name]:
                return None
    return result
