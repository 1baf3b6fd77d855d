# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules managed by portmatrix in the kernel: firewalld's nftables table, read back and parsed rule by rule."""

from __future__ import annotations

import json
import typing as t

from ..._base.commands import run
from ..._model import protocols, traffic
from ..._model.directions import EGRESS, INGRESS, peer_side
from ..._model.peers import ANY, Members, Peers
from ..._model.traffic import Ports, TrafficRule
from .slots import PREFIX, SLOTS, Slot

_CHAINS = {INGRESS: ('filter_INPUT', 'filter_IN_policy_'), EGRESS: ('filter_OUTPUT', 'filter_OUT_policy_')}
_VERDICTS = {'DROP': 'drop', 'REJECT': 'reject'}
_FAMILIES = {'ip': 'ipv4', 'ip6': 'ipv6'}
Expression = t.Dict[str, t.Any]
NftRule = t.List[Expression]
Sets = t.Dict[str, t.Tuple[str, ...]]


class Kernel(t.NamedTuple):
    """The rules in the kernel and the names of the policies in force there; `faults` are deviations that only a reload
    can repair; `sets` are those managed by portmatrix, name -> entries; `filters_ingress`: firewalld has a chain for
    it."""

    rules: t.Counter[TrafficRule]
    active: t.Tuple[str, ...]
    faults: t.Tuple[str, ...]
    sets: Sets
    filters_ingress: bool


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
    hooks: t.Set[str] = set()
    for item in objects:
        if 'chain' in item:
            chains.setdefault(item['chain']['name'], [])
            if 'hook' in item['chain']:
                hooks.add(item['chain']['name'])
        elif 'rule' in item:
            chains.setdefault(item['rule']['chain'], []).append(item['rule']['expr'])
        elif 'set' in item and item['set']['name'].startswith(PREFIX):
            sets[item['set']['name']] = tuple(map(_address_text, item['set'].get('elem', [])))
    builder = traffic.Builder()
    faults: t.List[str] = []
    active: t.List[str] = []
    for slot in SLOTS.values():
        hook, prefix = _CHAINS[slot.direction]
        chain = prefix + slot.name
        if chain in chains:
            active.append(slot.name)
            if hook not in hooks or chain not in _reachable(hook, chains):
                faults.append(f'the kernel does not pass {slot.direction} through {slot.name}')
            faults.extend(_parse_policy(slot, chain, chains, sets, builder))
    return Kernel(builder.rules, tuple(active), tuple(faults), sets, _CHAINS[INGRESS][0] in hooks)


def _reachable(start: str, chains: t.Dict[str, t.List[NftRule]]) -> t.Set[str]:
    reached: t.Set[str] = set()
    pending = [start]
    while pending:
        chain = pending.pop()
        if chain not in reached:
            reached.add(chain)
            pending.extend(_targets(rule) for rule in chains.get(chain, []) if _targets(rule))
    return reached


def _targets(rule: NftRule) -> str:
    """The chain that RULE jumps to, "" if it does not jump."""
    return next((str(part[verb]['target']) for part in rule for verb in ('jump', 'goto') if verb in part), '')


def _parse_policy(
    slot: Slot, chain: str, chains: t.Dict[str, t.List[NftRule]], sets: Sets, builder: traffic.Builder
) -> t.Iterator[str]:
    """Add what the policy allows to BUILDER; yield what differs from the rules that firewalld writes for it."""
    rules = [_without_counters(rule) for rule in chains[chain]]
    if not rules or len(rules[-1]) != 1 or _VERDICTS[slot.target] not in rules[-1][0]:
        yield f'the kernel does not deny the rest of {slot.direction}'
    jumps = [rule[0]['jump']['target'] for rule in rules[:-1] if _is_jump(rule)]
    unexpected = [rule for rule in rules[:-1] if not _is_jump(rule) and not _only_logs(rule)]
    if unexpected or f'{chain}_allow' not in jumps:
        yield f'the chain {chain} differs from what firewalld writes'
    for name in jumps:
        for rule in map(_without_counters, chains.get(name, [])):
            if _only_logs(rule):
                continue
            if name != f'{chain}_allow' or not _add_rule(slot.direction, rule, sets, builder):
                yield f'the chain {name} has a rule that is not managed by portmatrix: {json.dumps(rule)[:200]}'


def _is_jump(rule: NftRule) -> bool:
    return len(rule) == 1 and 'jump' in rule[0]


def _without_counters(rule: NftRule) -> NftRule:
    """NftablesCounters of firewalld 2 adds a counter to every rule."""
    return [part for part in rule if 'counter' not in part]


def _only_logs(rule: NftRule) -> bool:
    """LogDenied of firewalld adds a rule that logs before each one that denies."""
    return bool(rule) and 'log' in rule[-1] and all('match' in part for part in rule[:-1])


ParsedRule = t.Tuple[t.Optional[str], str, str, Ports, Peers]


def _add_rule(direction: str, rule: NftRule, sets: Sets, builder: traffic.Builder) -> bool:
    """Add RULE to BUILDER. Returns False, with nothing added, if it has another form than those of portmatrix."""
    try:
        builder.add(direction, *_parse_rule(direction, rule, sets))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError):
        return False
    return True


def _parse_rule(direction: str, rule: NftRule, sets: Sets) -> ParsedRule:
    """(family, protocol, port side, ports, peers) of a RULE that accepts.

    Raises ValueError, or the error that an unknown form of JSON leads to.
    """
    family: t.Optional[str] = None
    protocol: t.Optional[str] = None
    peers: Peers = ANY
    side, ports = '', traffic.NO_PORTS
    for part in rule[:-1]:
        left, right = part['match']['left'], part['match']['right']
        field = left.get('payload', {})
        if left.get('ct', {}).get('key') == 'state' and sorted(right['set']) == ['new', 'untracked']:
            continue  # in every rule of firewalld before 1.3; an earlier rule accepts established traffic
        if part['match']['op'] != '==':
            raise ValueError(part)
        if field.get('protocol') in _FAMILIES and field.get('field') == peer_side(direction)[0] + 'addr':
            family = _FAMILIES[field['protocol']]
            peers = _peers(right, sets)
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
    if protocol is None or list(rule[-1]) != ['accept']:
        raise ValueError(rule)
    return family, protocol, side, ports, peers


def _peers(right: t.Any, sets: Sets) -> Peers:
    if isinstance(right, str) and right.startswith('@'):
        return Members(sets.get(right[1:], ()))
    return Members((_address_text(right),))


def _address_text(element: t.Any) -> str:
    """An address, CIDR or range in nft's JSON as text."""
    if isinstance(element, str):
        return element
    if 'elem' in element:
        return _address_text(element['elem']['val'])
    if 'prefix' in element:
        return f'{element["prefix"]["addr"]}/{element["prefix"]["len"]}'
    return '-'.join(element['range'])
