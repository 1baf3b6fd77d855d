# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our objects in firewalld: two policies and the address sets of their peers, as values.

A group of one address is written into its rule; a larger one becomes a set for each family, so rules grow with flows and not with peers.
"""

from __future__ import annotations

import hashlib
import typing as t

from ..._model import policy as policies, traffic

PREFIX = 'portmatrix-'
NAMES = {'ingress': 'portmatrix-in', 'egress': 'portmatrix-out'}
# What is denied: silence towards the outside, a clear answer to the host's own programs.
TARGETS = {'ingress': 'DROP', 'egress': 'REJECT'}
# Before every zone, after firewalld's own allow-host-ipv6 (-15000); exclusive: before every foreign policy.
PRIORITY, EXCLUSIVE_PRIORITY = -100, -32000
PROTOCOLS = {'icmpv6': 'ipv6-icmp'}


class RichRule(t.NamedTuple):
    """One rule of a policy. `peer` is an address, "@NAME" of a set, or None for any; `element` is port, source-port or protocol."""

    family: t.Optional[str]
    peer: t.Optional[str]
    element: str
    value: str
    protocol: str

    def text(self, direction: str) -> str:
        """In firewalld's rich language."""
        words = ['rule']
        if self.family:
            words.append(f'family="{self.family}"')
        if self.peer:
            kind, value = ('ipset', self.peer[1:]) if self.peer.startswith('@') else ('address', self.peer)
            words.append(f'{peer_side(direction)} {kind}="{value}"')
        words.append(
            f'protocol value="{self.value}"'
            if self.element == 'protocol'
            else f'{self.element} port="{self.value}" protocol="{self.protocol}"'
        )
        return ' '.join([*words, 'accept'])


class PolicyDocument(t.NamedTuple):
    """One policy. `described` maps (protocol, port, peer label) to flows; `strange` is what stands in the file and is not of our form."""

    direction: str
    target: str
    priority: int
    rules: t.Tuple[RichRule, ...]
    described: t.Dict[t.Tuple[str, str, str], t.Tuple[str, ...]]
    citations: t.Dict[str, t.List[str]]
    strange: t.Tuple[str, ...] = ()


class SetDocument(t.NamedTuple):
    family: str
    label: str
    entries: t.Tuple[str, ...]


class Documents(t.NamedTuple):
    """Everything of ours, by the name of the object."""

    policies: t.Dict[str, PolicyDocument]
    sets: t.Dict[str, SetDocument]


def peer_side(direction: str) -> str:
    return 'source' if direction == 'ingress' else 'destination'


def our_priority(policy: policies.Policy) -> int:
    return EXCLUSIVE_PRIORITY if policy.exclusive else PRIORITY


def set_name(label: str, family: str) -> str:
    """Names outlive changes of the members, so that these can change without a reload. 23 characters; a kernel set may have 31."""
    return f"{PREFIX}{hashlib.sha256(label.encode()).hexdigest()[:10]}-{family[-1]}"


def build(policy: policies.Policy, guard: t.Iterable[policies.Rule]) -> Documents:
    """The documents that enforce POLICY, with the management GUARD first."""
    documents = Documents({}, {})
    rules = [*guard, *policy.rules]
    for direction in policy.directions:
        described: t.Dict[t.Tuple[str, str, str], t.Tuple[str, ...]] = {}
        rich = [
            line
            for rule in rules
            if rule.direction == direction
            for line in _rich_rules(rule, documents.sets, described)
        ]
        flows = {flow for names in described.values() for flow in names}
        documents.policies[NAMES[direction]] = PolicyDocument(
            direction,
            TARGETS[direction],
            our_priority(policy),
            tuple(dict.fromkeys(rich)),
            described,
            {flow: texts for flow, texts in policy.citations.items() if flow in flows},
        )
    return documents


def _rich_rules(
    rule: policies.Rule, sets: t.Dict[str, SetDocument], described: t.Dict[t.Tuple[str, str, str], t.Tuple[str, ...]]
) -> t.Iterator[RichRule]:
    protocol = PROTOCOLS.get(rule.protocol, rule.protocol)
    elements = [
        ('source-port' if rule.source_port else 'port', f'{low}' if low == high else f'{low}-{high}')
        for low, high in rule.ports
    ]
    for family, peer in _peers(rule, sets):
        for element, value in elements or [('protocol', protocol)]:
            line = RichRule(family, peer, element, value, protocol)
            key = describe_key(line)
            described[key] = tuple(dict.fromkeys([*described.get(key, ()), *rule.flows]))
            yield line


def _peers(
    rule: policies.Rule, sets: t.Dict[str, SetDocument]
) -> t.Iterator[t.Tuple[t.Optional[str], t.Optional[str]]]:
    """(family, peer) of each rich rule that RULE needs; adds the sets that they refer to."""
    if rule.peers is None:
        yield None, None
        return
    for family, peers in policies.by_family(rule):
        members = tuple(map(traffic.plain, peers or ()))
        if (
            len(members) == 1
            or rule.label == policies.GUARD
            or (rule.protocol == 'vrrp' and rule.direction == 'egress')
        ):
            yield from ((family, member) for member in members)
        else:
            name = set_name(rule.label, family)
            sets[name] = SetDocument(family, rule.label, members)
            yield family, f'@{name}'


def describe_key(rule: RichRule) -> t.Tuple[str, str, str]:
    """(protocol, port, peer) under which a rule's flows are described; the sets of both families share one."""
    peer = rule.peer[1:-2] if rule.peer and rule.peer.startswith('@') else rule.peer or 'any'
    return rule.protocol, '' if rule.element == 'protocol' else rule.value, peer


def reach_of(documents: Documents) -> traffic.Reach:
    """What DOCUMENTS admit."""
    return _collect(documents, documents.sets).reach()


def runtime_rules(documents: Documents, running: t.Container[str]) -> t.Counter[traffic.RuleKey]:
    """The rules (reach.Builder.rules) that the kernel holds for DOCUMENTS while the sets RUNNING are there."""
    return _collect(documents, running).rules


def written_out(rule: RichRule, documents: Documents, running: t.Container[str]) -> t.Iterator[RichRule]:
    """RULE, or one for each member where its set does not run yet: firewalld makes sets with a reload only."""
    name = rule.peer[1:] if rule.peer and rule.peer.startswith('@') else None
    if name is None or name in running or name not in documents.sets:
        yield rule
    else:
        yield from (rule._replace(peer=entry) for entry in documents.sets[name].entries)


def _collect(documents: Documents, running: t.Container[str]) -> traffic.Builder:
    builder = traffic.Builder()
    names = {firewalld: name for name, firewalld in PROTOCOLS.items()}
    for document in documents.policies.values():
        for rule in dict.fromkeys(
            line for stated in document.rules for line in written_out(stated, documents, running)
        ):
            members: t.Optional[t.Iterable[str]] = None
            if rule.peer:
                stored = documents.sets.get(rule.peer[1:])
                members = (stored.entries if stored else ()) if rule.peer.startswith('@') else (rule.peer,)
            side = {'protocol': '', 'port': 'destination', 'source-port': 'source'}[rule.element]
            low, _dash, high = rule.value.partition('-') if side else ('0', '', '0')
            builder.add(
                document.direction,
                rule.family,
                names.get(rule.protocol, rule.protocol),
                side,
                (int(low), int(high or low)),
                None if members is None else map(traffic.interval, members),
            )
    return builder
