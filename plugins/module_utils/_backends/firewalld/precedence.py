# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the kernel asks firewalld's zones and policies, and what they decide before those of portmatrix.

Up to 1.3, a base chain leads to one chain for each zone, which asks the policies before and after its own rules, and
ends in its target. From 2.0 to 2.4, one chain of each direction has all of that, once for each interface and source.
Since 2.5, that chain leads to one chain for each zone again, which asks policies and rules and ends in the target.
"""

from __future__ import annotations

import json
import re
import typing as t

from ..._model.directions import EGRESS, INGRESS
from . import expressions, nft_text
from .expressions import Fields, NftRule, Sets
from .slots import PREFIX

Chains = t.Mapping[str, t.Sequence[NftRule]]
BASE = {INGRESS: 'filter_INPUT', EGRESS: 'filter_OUTPUT'}
POLICY_CHAIN = {INGRESS: 'filter_IN_policy_', EGRESS: 'filter_OUT_policy_'}
_ZONE_CHAIN = {INGRESS: 'filter_IN_', EGRESS: 'filter_OUT_'}
_PARTS = ('_pre', '_log', '_deny', '_allow', '_post')
_VERDICTS = {'accept': 'accept', 'drop': 'deny', 'reject': 'deny', 'return': 'accept', 'ct helper': 'helper'}
# what firewalld writes into its base chains
_OF_BASE = re.compile(
    r'ct state \{ (established, related|related, established) \} accept|ct status dnat accept|ct state invalid drop|'
    r'[io]ifname lo accept|ip6 daddr \{.*\} reject with icmpv6|reject|drop|accept'
)
_DISPATCH = re.compile(
    r'filter_(IN|OUT)PUT_(ZONES|POLICIES(_pre|_post)?|dispatch)|filter_IN_.+_to_HOST|filter_OUT_HOST_to_.+'
)
# with StrictForwardPorts: what another rule has sent elsewhere; forwarded ports have a warning of their own
_FORWARDED = re.compile(r'filter_(IN|OUT)PUT_dnat')


class Step(t.NamedTuple):
    """One decision of a zone or policy (`place`) of others: accept, deny, or helper (it attaches a helper of connection
    tracking). `is_target`: of a zone, for what none of its rules decides, after the policies with positive priorities.
    `is_earlier`: than the policy of portmatrix in force. `is_inserted`: firewalld has not written it, and a reload
    removes it."""

    place: str
    verdict: str
    fields: Fields
    text: str
    is_target: bool
    is_earlier: bool
    is_inserted: bool = False


class Order(t.NamedTuple):
    """All decisions of others, in the order of the kernel; `is_complete`: the policy of portmatrix is asked about
    everything that they leave open; `unknown`: rules that firewalld does not write, in the chains that lead to it."""

    steps: t.Tuple[Step, ...]
    is_complete: bool
    unknown: t.Tuple[str, ...]


def read(direction: str, chains: Chains, sets: Sets, own: str = '', with_rules: bool = True) -> Order:
    """The order in DIRECTION; OWN is the policy of portmatrix in force. Without WITH_RULES, only the way to it."""
    walk = _Walk(direction, chains, sets, own, with_rules)
    walk.follow(BASE[direction], [], 'firewalld')
    return Order(tuple(walk.steps), walk.is_complete and walk.is_passed([]), tuple(walk.unknown))


class _Walk:
    def __init__(self, direction: str, chains: Chains, sets: Sets, own: str, with_rules: bool) -> None:
        self.direction, self.chains, self.sets, self.with_rules = direction, chains, sets, with_rules
        self.own = POLICY_CHAIN[direction] + own if own else ''
        self.steps: t.List[Step] = []
        self.unknown: t.List[str] = []
        self.is_complete = True
        self._passed: t.List[t.Set[str]] = []  # the conditions under which the own policy has been asked
        self._zones: t.Dict[t.FrozenSet[str], str] = {}  # conditions -> zone

    def is_passed(self, conditions: NftRule) -> bool:
        """Whether the own policy has decided about all that meets CONDITIONS."""
        keys = _keys(conditions)
        return any(passed <= keys for passed in self._passed)

    def follow(self, chain: str, conditions: NftRule, place: str) -> None:
        is_past_policies = False
        for written in self.chains.get(chain, ()):
            rule = expressions.without_counters(written)
            if not rule or expressions.only_logs(rule):
                continue
            rule = [part for part in rule if 'log' not in part]
            verb, target = expressions.jump(rule)
            if not target:
                self._decide(chain, conditions, rule, place, is_past_policies)
                continue
            self._enter(chain, target, [*conditions, *rule[:-1]], place)
            is_past_policies = is_past_policies or target.endswith('_POLICIES_post')
            if verb == 'goto' and len(rule) == 1:
                return

    def _enter(self, parent: str, chain: str, conditions: NftRule, place: str) -> None:
        if _FORWARDED.fullmatch(chain):
            return
        if chain.startswith(POLICY_CHAIN[self.direction] + PREFIX):
            if chain == self.own:
                self._passed.append(_keys(conditions))
            return
        if _is_part(chain, parent):
            if self.with_rules:
                self.follow(chain, conditions, place)
            return
        if self._is_way(chain):
            place = 'firewalld'
        elif chain.startswith(_ZONE_CHAIN[self.direction]):
            place = _place(chain, self.direction)
            if place.startswith('zone'):
                self._zones[frozenset(_keys(conditions))] = place
        elif self._is_way(parent):
            self._add_unknown(parent, f'jump {chain}')
        self.follow(chain, conditions, place)

    def _is_way(self, chain: str) -> bool:
        return chain == BASE[self.direction] or _DISPATCH.fullmatch(chain) is not None

    def _add_unknown(self, chain: str, text: str) -> None:
        self.unknown.append(f'the chain {chain} has a rule that firewalld does not write: {text[:200]}')

    def _decide(self, chain: str, conditions: NftRule, rule: NftRule, place: str, is_past_policies: bool) -> None:
        (kind,) = rule[-1]
        whole, text = [*conditions, *rule[:-1]], nft_text.of_rule(rule)
        is_way = self._is_way(chain)
        is_inserted = not self._is_of_firewalld(chain, whole, text) if is_way else place == 'firewalld'
        if is_inserted and is_way:
            self._add_unknown(chain, text)
        fields = expressions.read(self.direction, [*conditions, *rule], self.sets)
        if fields is None or 'lo' in fields.interfaces or kind not in _VERDICTS:
            return
        is_bare = len(rule) == 1 and chain == f'{_ZONE_CHAIN[self.direction]}{place.partition(" ")[2]}'
        is_target = not is_inserted and (is_way or is_past_policies or is_bare)
        if is_target and not self.is_passed(whole) and 'ip6 daddr {' not in text:
            self.is_complete = False
        sources = [part for part in conditions if 'payload' in part.get('match', {}).get('left', {})]
        self.steps.append(
            Step(
                self._zones.get(frozenset(_keys(whole)), place) if is_way else place,
                _VERDICTS[kind],
                fields,
                nft_text.of_rule([*sources, *rule]),
                is_target,
                not self.is_passed(whole),
                is_inserted,
            )
        )

    def _is_of_firewalld(self, chain: str, whole: NftRule, text: str) -> bool:
        if chain == BASE[self.direction]:
            return _OF_BASE.fullmatch(text) is not None
        # the target of a zone that has been asked under the same conditions
        return frozenset(_keys(whole)) in self._zones


def _is_part(chain: str, parent: str) -> bool:
    """Whether CHAIN is one of the chains into which firewalld divides the zone or policy PARENT."""
    return any(chain == parent + suffix for suffix in _PARTS)


def _keys(conditions: NftRule) -> t.Set[str]:
    return {json.dumps(part, sort_keys=True) for part in conditions}


def _place(chain: str, direction: str) -> str:
    name = chain[len(_ZONE_CHAIN[direction]) :]
    return f'policy {name[len("policy_") :]}' if name.startswith('policy_') else f'zone {name}'
