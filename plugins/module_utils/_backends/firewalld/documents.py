# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects managed by portmatrix in firewalld, as values: policies, and the address sets of their peers.

All policies exist at all times: for each direction one before the zones, and one before every other policy. Those that
are in force have zones; the others are idle. A group of one address is written into its rule; a larger one is in a set
for each family, so that the number of rules grows with flows and not with peers.
"""

from __future__ import annotations

import itertools
import typing as t

from ..._model import logs, peers as peers_of, policy as policies, protocols, traffic
from ..._model.directions import EGRESS, peer_side
from ..._model.peers import ANY, Any, Members, Peer, Peers
from . import elements
from .elements import PROTOCOL, Element
from .slots import Slot, slot_of

_WHOLE = {'ipv4': '0.0.0.0/0', 'ipv6': '::/0'}
DescriptionKey = t.Tuple[str, str, str]


class RichRule(t.NamedTuple):
    """One rule of a policy. `peer` is ANY, an address, or "@NAME" of a set; `element`, `value` and `protocol` are an
    Element; `to`: the address of a group to which it is sent, or ""."""

    family: t.Optional[str]
    peer: Peer
    element: str
    value: str
    protocol: str
    to: str = ''

    def matches(self) -> Element:
        return Element(self.element, self.value, self.protocol)

    @property
    def set_name(self) -> t.Optional[str]:
        """The set that it refers to, or None."""
        return None if isinstance(self.peer, Any) or not self.peer.startswith('@') else self.peer[1:]

    def text(self, direction: str) -> str:
        """The rule in firewalld's rich language."""
        words = ['rule']
        if self.family:
            words.append(f'family="{self.family}"')
        if not isinstance(self.peer, Any):
            kind, value = ('ipset', self.set_name) if self.set_name else ('address', self.peer)
            words.append(f'{peer_side(direction)} {kind}="{value}"')
        words += [f'destination address="{self.to}"'] if self.to else []
        return ' '.join([*words, *self.matches().words(), 'accept'])


# after all other rules of a policy (priority), before its target
LOG_RULE = f'rule priority="32767" log prefix="{logs.PREFIX}" level="info" limit value="{logs.PER_MINUTE}/m"'


class PolicyDocument(t.NamedTuple):
    """One policy, in force if it is `active`. `described` maps (protocol, port, peer label) to flows; `unknown` is what
    the file contains that portmatrix does not write; `logs`: what it denies."""

    direction: str
    target: str
    priority: int
    rules: t.Tuple[RichRule, ...]
    described: t.Dict[DescriptionKey, t.Tuple[str, ...]]
    citations: t.Dict[str, t.List[str]]
    unknown: t.Tuple[str, ...] = ()
    active: bool = True
    logs: bool = False

    def texts(self) -> t.Tuple[str, ...]:
        """Its rules in firewalld's rich language."""
        texts = dict.fromkeys(rule.text(self.direction) for rule in self.rules)
        return (*texts, *((LOG_RULE,) if self.logs else ()))


class SetDocument(t.NamedTuple):
    """An address set; without a label it is idle."""

    family: str
    label: str
    entries: t.Tuple[str, ...]


class Documents(t.NamedTuple):
    """All objects managed by portmatrix, by name."""

    policies: t.Dict[str, PolicyDocument]
    sets: t.Dict[str, SetDocument]

    @property
    def active(self) -> t.Dict[str, PolicyDocument]:
        """The policies in force."""
        return {name: document for name, document in self.policies.items() if document.active}

    @property
    def used_sets(self) -> t.Set[str]:
        """The names of the sets that rules refer to."""
        return {rule.set_name for document in self.active.values() for rule in document.rules if rule.set_name}


EMPTY = Documents({}, {})


def idle_policy(slot: Slot) -> PolicyDocument:
    return PolicyDocument(slot.direction, slot.target, slot.priority, (), {}, {}, active=False)


def build(policy: policies.Policy, guard: t.Iterable[policies.Rule]) -> Documents:
    """The policies in force and the sets that enforce POLICY, with the management GUARD first. A set has the name of
    its group until the pool gives it one."""
    documents = Documents({}, {})
    rules = [*guard, *policy.rules]
    for direction in policy.enforced_directions:
        described: t.Dict[DescriptionKey, t.Tuple[str, ...]] = {}
        rich_rules: t.List[RichRule] = []
        for rule in rules:
            if rule.direction == direction:
                rich_rules.extend(_rich_rules(rule, documents.sets, described))
        flows = {flow for names in described.values() for flow in names}
        slot = slot_of(direction, policy.exclusive)
        documents.policies[slot.name] = PolicyDocument(
            direction,
            slot.target,
            slot.priority,
            tuple(dict.fromkeys(rich_rules)),
            described,
            {flow: texts for flow, texts in policy.citations.items() if flow in flows},
            logs=policy.log_denied,
        )
    return documents


def _rich_rules(
    rule: policies.Rule,
    sets: t.Dict[str, SetDocument],
    described: t.Dict[DescriptionKey, t.Tuple[str, ...]],
) -> t.Iterator[RichRule]:
    found = elements.of_rule(rule)
    for family, peer in _peers(rule, sets):
        groups = policies.destinations(rule, family) if family else ('',)
        for element, group in itertools.product(found, map(traffic.without_full_prefix, groups)):
            rich_rule = RichRule(family, peer, *element, group)
            key = description_key(rich_rule)
            described[key] = tuple(dict.fromkeys([*described.get(key, ()), *rule.flows]))
            yield rich_rule


def _peers(rule: policies.Rule, sets: t.Dict[str, SetDocument]) -> t.Iterator[t.Tuple[t.Optional[str], Peer]]:
    """(family, peer) of each rich rule that RULE needs; adds the sets that they refer to."""
    if isinstance(rule.peers, Any) and not rule.to and rule.side != traffic.TYPE:
        yield None, ANY
        return
    for family, peers in policies.peers_by_family(rule):
        if isinstance(peers, Any):
            yield family, ANY  # what else it matches belongs to one family
            continue
        members = tuple(map(traffic.without_full_prefix, peers.addresses))
        to_group_address = rule.protocol in protocols.GROUP_ADDRESSES and rule.direction == EGRESS
        if len(members) == 1 or rule.label == policies.GUARD or to_group_address:
            # a whole family is no address for firewalld
            yield from ((family, ANY if member == _WHOLE[family] else member) for member in members)
        else:
            name = f'{rule.label}/{family}'
            sets[name] = SetDocument(family, rule.label, members)
            yield family, f'@{name}'


def description_key(rule: RichRule) -> DescriptionKey:
    """(protocol, port, peer label) under which a rule's flows are described."""
    if isinstance(rule.peer, Any) and rule.family:
        label = _WHOLE[rule.family]  # everybody in one family is not everybody
    else:
        label = rule.set_name or peers_of.peer_text(rule.peer)
    number = '' if rule.element == PROTOCOL else rule.value
    return rule.protocol, f'{number}>{rule.to}' if rule.to else number, label


def allowed_traffic(documents: Documents) -> traffic.AllowedTraffic:
    """What DOCUMENTS allow."""
    return _collect(documents).allowed()


def kernel_rules(documents: Documents) -> t.Counter[traffic.TrafficRule]:
    """The rules that the kernel has for DOCUMENTS."""
    return _collect(documents).rules


def _collect(documents: Documents) -> traffic.Builder:
    builder = traffic.Builder()
    for document in documents.active.values():
        for rule in document.rules:
            service = rule.matches().service()
            builder.add(document.direction, rule.family, *service, _peers_of(rule, documents), rule.to)
    return builder


def _peers_of(rule: RichRule, documents: Documents) -> Peers:
    if isinstance(rule.peer, Any):
        return ANY
    if rule.set_name is None:
        return Members((rule.peer,))
    document = documents.sets.get(rule.set_name)
    return Members(document.entries if document else ())
