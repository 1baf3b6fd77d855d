# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules managed by portmatrix in the kernel: firewalld's nftables table, read back and parsed rule by rule."""

from __future__ import annotations

import json
import typing as t

from ..._base.commands import run
from ..._model import logs, protocols, traffic
from ..._model.directions import DIRECTIONS, INGRESS, peer_side
from ..._model.peers import ANY, Any, Members, Peers
from ..._model.traffic import Ports, TrafficRule
from . import elements, nft_text, precedence
from .expressions import FAMILIES, NftRule, address_text, jump, only_logs, without_counters
from .precedence import BASE, POLICY_CHAIN, Order
from .slots import PREFIX, SLOTS, Slot

_VERDICTS = {'DROP': 'drop', 'REJECT': 'reject'}
Sets = t.Dict[str, t.Tuple[str, ...]]


class Kernel(t.NamedTuple):
    """The rules in the kernel and the names of the policies in force there; `faults` are deviations that only a reload
    can repair; `sets` are those managed by portmatrix, name -> entries; `filters_ingress`: firewalld has a chain for
    it; `logging`: the policies in force that log what they deny; `chains` and `foreign_sets`: everything in its
    table."""

    rules: t.Counter[TrafficRule]
    active: t.Tuple[str, ...]
    faults: t.Tuple[str, ...]
    sets: Sets
    filters_ingress: bool
    logging: t.Tuple[str, ...] = ()
    chains: t.Dict[str, t.List[NftRule]] = {}
    foreign_sets: t.Dict[str, t.Optional[t.Sequence[str]]] = {}

    def orders(self) -> t.Dict[str, Order]:
        """What zones and policies of others decide, by direction."""
        own = {SLOTS[name].direction: name for name in self.active}
        sets = {**self.foreign_sets, **self.sets}
        return {
            direction: precedence.read(direction, self.chains, sets, own.get(direction, '')) for direction in DIRECTIONS
        }


def read() -> Kernel:
    """Read firewalld's table. A missing table is a fault, not an error."""
    result = run(['nft', '-j', 'list', 'table', 'inet', 'firewalld'], check=False)
    if result.returncode:
        return Kernel(traffic.Builder().rules, (), ('the kernel has no table of firewalld',), {}, False)
    return parse(json.loads(result.stdout)['nftables'])


def parse(objects: t.List[t.Dict[str, t.Any]]) -> Kernel:
    """Parse the OBJECTS that `nft -j list table` prints."""
    chains: t.Dict[str, t.List[NftRule]] = {}
    sets: Sets = {}
    foreign_sets: t.Dict[str, t.Optional[t.Sequence[str]]] = {}
    hooks: t.Set[str] = set()
    for item in objects:
        if 'chain' in item:
            chains.setdefault(item['chain']['name'], [])
            if 'hook' in item['chain']:
                hooks.add(item['chain']['name'])
        elif 'rule' in item:
            chains.setdefault(item['rule']['chain'], []).append(item['rule']['expr'])
        elif 'set' in item and item['set']['name'].startswith(PREFIX):
            sets[item['set']['name']] = tuple(map(address_text, item['set'].get('elem', [])))
        elif 'set' in item:
            foreign_sets[item['set']['name']] = _entries(item['set'])
    builder = traffic.Builder()
    faults: t.List[str] = []
    active: t.List[str] = []
    for slot in SLOTS.values():
        chain = _chain(slot.name)
        if chain in chains:
            active.append(slot.name)
            faults.extend(_way_faults(slot, chains, hooks))
            faults.extend(_parse_policy(slot, chain, chains, sets, builder))
    filters_ingress = BASE[INGRESS] in hooks
    logging = tuple(name for name in active if _logs(chains.get(f'{_chain(name)}_post', [])))
    return Kernel(builder.rules, tuple(active), tuple(faults), sets, filters_ingress, logging, chains, foreign_sets)


def _chain(name: str) -> str:
    return POLICY_CHAIN[SLOTS[name].direction] + name


def _logs(rules: t.Sequence[NftRule]) -> bool:
    """Whether RULES log all that reaches them, as portmatrix wants it."""
    return any(
        {'prefix': logs.PREFIX, 'level': 'info'}.items() <= part['log'].items()
        for rule in map(without_counters, rules)
        if only_logs(rule) and not any('match' in part for part in rule)
        for part in rule
        if part.get('log')
    )


def _entries(item: t.Dict[str, t.Any]) -> t.Optional[t.Sequence[str]]:
    """The entries of a set of others; None if they are no addresses."""
    try:
        return tuple(map(address_text, item.get('elem', [])))
    except (KeyError, TypeError):
        return None


def _way_faults(slot: Slot, chains: t.Dict[str, t.List[NftRule]], hooks: t.Set[str]) -> t.Iterator[str]:
    """How the way to the policy differs from that which firewalld writes."""
    order = precedence.read(slot.direction, chains, {}, slot.name, with_rules=False)
    if BASE[slot.direction] not in hooks or not order.is_complete:
        yield f'the kernel does not pass {slot.direction} through {slot.name}'
    yield from order.unknown
    for step in order.steps if slot.exclusive else ():
        if step.is_earlier and not step.is_target and step.place.startswith('zone '):
            yield f'a rule of the {step.place} decides before {slot.name}: {step.text}'


def _parse_policy(
    slot: Slot, chain: str, chains: t.Dict[str, t.List[NftRule]], sets: Sets, builder: traffic.Builder
) -> t.Iterator[str]:
    """Add what the policy allows to BUILDER; yield what differs from the rules that firewalld writes for it."""
    rules = [without_counters(rule) for rule in chains[chain]]
    if not rules or len(rules[-1]) != 1 or _VERDICTS[slot.target] not in rules[-1][0]:
        yield f'the kernel does not deny the rest of {slot.direction}'
    jumps = [jump(rule)[1] for rule in rules[:-1] if _is_jump(rule)]
    unexpected = [rule for rule in rules[:-1] if not _is_jump(rule) and not only_logs(rule)]
    if unexpected or f'{chain}_allow' not in jumps:
        yield f'the chain {chain} differs from what firewalld writes'
    for name in jumps:
        for rule in map(without_counters, chains.get(name, [])):
            if only_logs(rule):
                continue
            if name != f'{chain}_allow' or not _add_rule(slot.direction, rule, sets, builder):
                yield f'the chain {name} has a rule that is not managed by portmatrix: {nft_text.of_rule(rule)[:200]}'


def _is_jump(rule: NftRule) -> bool:
    return len(rule) == 1 and 'jump' in rule[0]


ParsedRule = t.Tuple[t.Optional[str], str, str, Ports, Peers, str]


def _add_rule(direction: str, rule: NftRule, sets: Sets, builder: traffic.Builder) -> bool:
    """Add RULE to BUILDER. Returns False, with nothing added, if it has another form than those of portmatrix."""
    try:
        builder.add(direction, *_parse_rule(direction, rule, sets))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError):
        return False
    return True


def _parse_rule(direction: str, rule: NftRule, sets: Sets) -> ParsedRule:
    """(family, protocol, port side, ports, peers, address of a group) of a RULE that accepts.

    Raises ValueError, or the error that an unknown form of JSON leads to.
    """
    family: t.Optional[str] = None
    protocol: t.Optional[str] = None
    peers: Peers = ANY
    side, ports, group = '', traffic.NO_PORTS, ''
    icmp: t.Dict[str, t.Any] = {}
    for part in rule[:-1]:
        left, right = part['match']['left'], part['match']['right']
        field = left.get('payload', {})
        if left.get('ct', {}).get('key') == 'state' and sorted(right['set']) == ['new', 'untracked']:
            continue  # in every rule of firewalld before 1.3; an earlier rule accepts established traffic
        if part['match']['op'] != '==':
            raise ValueError(part)
        if field.get('protocol') in FAMILIES and field.get('field') == peer_side(direction)[0] + 'addr':
            family = FAMILIES[field['protocol']]
            peers = _peers(right, sets)
        elif field.get('protocol') in FAMILIES and field.get('field') == 'daddr':
            family, group = FAMILIES[field['protocol']], address_text(right)
        elif field.get('protocol') in protocols.WITH_TYPES:
            protocol = str(field['protocol'])
            icmp[field['field']] = right
        elif field.get('field') in ('dport', 'sport'):
            protocol, side = field['protocol'], 'destination' if field['field'] == 'dport' else 'source'
            low, high = right['range'] if isinstance(right, dict) else (right, right)
            ports = (int(low), int(high))
        elif left.get('meta', {}).get('key') == 'l4proto':
            protocol = protocols.catalog_name(str(right))
        elif left.get('meta', {}).get('key') == 'nfproto':
            family = str(right)
        else:
            raise ValueError(part)
    if list(rule[-1]) != ['accept'] or (protocol is None and isinstance(peers, Any)):
        raise ValueError(rule)
    if icmp:
        side, ports = traffic.TYPE, elements.icmp_numbers(protocol or '', icmp.pop('type'), icmp.pop('code', None))
        family = traffic.ONLY_IN[protocol or '']
    return family, protocol or protocols.ALL, side, ports, peers, group


def _peers(right: t.Any, sets: Sets) -> Peers:
    if isinstance(right, str) and right.startswith('@'):
        return Members(sets.get(right[1:], ()))
    return Members((address_text(right),))
