# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel holds of ours: the nftables table of firewalld, read back and understood rule by rule."""

from __future__ import annotations

import json
import typing as t

from ..._base.commands import run
from ..._model import traffic
from .documents import NAMES, PREFIX, PROTOCOLS, TARGETS, peer_side

_CHAINS = {'ingress': ('filter_INPUT', 'filter_IN_policy_'), 'egress': ('filter_OUTPUT', 'filter_OUT_policy_')}
_VERDICTS = {'DROP': 'drop', 'REJECT': 'reject'}
_FAMILIES = {'ip': 'ipv4', 'ip6': 'ipv6'}
_NUMBERS = {1: 'icmp', 58: 'icmpv6', 50: 'esp', 51: 'ah', 47: 'gre', 112: 'vrrp'}
_PROTOCOLS = {
    **{firewalld: name for name, firewalld in PROTOCOLS.items()},
    **{str(number): name for number, name in _NUMBERS.items()},
}


class Kernel(t.NamedTuple):
    """Our rules in the kernel (reach.Builder.rules) and the directions found there; `faults` are deviations that only a reload can mend; `sets` are
    ours, name -> entries."""

    rules: t.Counter[traffic.RuleKey]
    directions: t.Tuple[str, ...]
    faults: t.Tuple[str, ...]
    sets: t.Dict[str, t.Tuple[str, ...]]


def read() -> Kernel:
    """Read the table of firewalld. A missing table is a fault, not an error."""
    result = run(['nft', '-j', 'list', 'table', 'inet', 'firewalld'], check=False)
    if result.returncode:
        return Kernel(traffic.Builder().rules, (), ('the kernel has no table of firewalld',), {})
    return interpret(json.loads(result.stdout)['nftables'])


def interpret(objects: t.List[t.Dict[str, t.Any]]) -> Kernel:
    """Understand the OBJECTS of `nft -j list table`."""
    chains: t.Dict[str, t.List[t.List[t.Dict[str, t.Any]]]] = {}
    sets, hooks = {}, set()
    for item in objects:
        if 'chain' in item:
            chains.setdefault(item['chain']['name'], [])
            if 'hook' in item['chain']:
                hooks.add(item['chain']['name'])
        elif 'rule' in item:
            chains.setdefault(item['rule']['chain'], []).append(item['rule']['expr'])
        elif 'set' in item and item['set']['name'].startswith(PREFIX):
            sets[item['set']['name']] = tuple(map(_network, item['set'].get('elem', [])))
    builder, faults, directions = traffic.Builder(), [], []
    for direction, (hook, stem) in _CHAINS.items():
        chain = stem + NAMES[direction]
        if chain in chains:
            directions.append(direction)
            if hook not in hooks or chain not in _reachable(hook, chains):
                faults.append(f'the kernel does not pass {direction} through {NAMES[direction]}')
            faults.extend(_read_policy(direction, chain, chains, sets, builder))
    return Kernel(builder.rules, tuple(directions), tuple(faults), sets)


def _reachable(start: str, chains: t.Dict[str, t.List[t.List[t.Dict[str, t.Any]]]]) -> t.Set[str]:
    found, todo = set(), [start]
    while todo:
        chain = todo.pop()
        if chain not in found:
            found.add(chain)
            todo.extend(
                part[verb]['target']
                for rule in chains.get(chain, [])
                for part in rule
                for verb in ('jump', 'goto')
                if verb in part
            )
    return found


def _read_policy(
    direction: str,
    chain: str,
    chains: t.Dict[str, t.Any],
    sets: t.Dict[str, t.Tuple[str, ...]],
    builder: traffic.Builder,
) -> t.Iterator[str]:
    """Add what the policy admits to BUILDER; yield what is not as we would have it."""
    own = [_without_counters(rule) for rule in chains[chain]]
    if not own or len(own[-1]) != 1 or _VERDICTS[TARGETS[direction]] not in own[-1][0]:
        yield f'the kernel does not deny the rest of {direction}'
    jumps = [rule[0]['jump']['target'] for rule in own[:-1] if len(rule) == 1 and 'jump' in rule[0]]
    others = [rule for rule in own[:-1] if not (len(rule) == 1 and 'jump' in rule[0]) and not _only_logs(rule)]
    if others or f'{chain}_allow' not in jumps:
        yield f'the chain {chain} is not as firewalld builds it'
    for name in jumps:
        for rule in map(_without_counters, chains.get(name, [])):
            if not _only_logs(rule) and not (name == f'{chain}_allow' and _read_rule(direction, rule, sets, builder)):
                yield f'a rule in {name} that is none of ours: {json.dumps(rule)[:200]}'


def _without_counters(rule: t.List[t.Dict[str, t.Any]]) -> t.List[t.Dict[str, t.Any]]:
    """NftablesCounters of firewalld 2 puts a counter into every rule."""
    return [part for part in rule if 'counter' not in part]


def _only_logs(rule: t.List[t.Dict[str, t.Any]]) -> bool:
    """LogDenied of firewalld puts a rule that logs before each that denies."""
    return bool(rule) and 'log' in rule[-1] and all('match' in part for part in rule[:-1])


def _read_rule(
    direction: str, rule: t.List[t.Dict[str, t.Any]], sets: t.Dict[str, t.Tuple[str, ...]], builder: traffic.Builder
) -> bool:
    """Whether RULE has the form of ours; if so what it admits goes into BUILDER."""
    try:
        family, protocol, side, span, members = _understand(direction, rule, sets)
        intervals = None if members is None else [traffic.interval(member) for member in members]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError):
        # a form that firewalld does not write for our rules: somebody else's
        return False
    builder.add(direction, family, protocol, side, span, intervals)
    return True


def _understand(
    direction: str, rule: t.List[t.Dict[str, t.Any]], sets: t.Dict[str, t.Tuple[str, ...]]
) -> t.Tuple[t.Optional[str], str, str, t.Tuple[int, int], t.Optional[t.Tuple[str, ...]]]:
    """(family, protocol, side, ports, members) of a rule that accepts. Raises ValueError or what comes with an unknown form."""
    family = members = protocol = None
    side, span = '', (0, 0)
    for part in rule[:-1]:
        left, right = part['match']['left'], part['match']['right']
        field = left.get('payload', {})
        if left.get('ct', {}).get('key') == 'state' and sorted(right['set']) == ['new', 'untracked']:
            continue  # firewalld before 1.3 says so in every rule; established traffic was accepted before
        if part['match']['op'] != '==':
            raise ValueError(part)
        if field.get('protocol') in _FAMILIES and field.get('field') == peer_side(direction)[0] + 'addr':
            family = _FAMILIES[field['protocol']]
            members = (
                sets.get(right[1:], ()) if isinstance(right, str) and right.startswith('@') else (_network(right),)
            )
        elif field.get('field') in ('dport', 'sport'):
            protocol, side = field['protocol'], 'destination' if field['field'] == 'dport' else 'source'
            low, high = right['range'] if isinstance(right, dict) else (right, right)
            span = (int(low), int(high))
        elif left.get('meta', {}).get('key') == 'l4proto':
            protocol = _PROTOCOLS.get(str(right), str(right))
        elif left.get('meta', {}).get('key') == 'nfproto':
            family = str(right)
        else:
            raise ValueError(part)
    if protocol is None or list(rule[-1]) != ['accept']:
        raise ValueError(rule)
    return family, protocol, side, span, members


def _network(element: t.Any) -> str:
    """An address, CIDR or range of nft's JSON as text."""
    if isinstance(element, str):
        return element
    if 'elem' in element:
        return _network(element['elem']['val'])
    if 'prefix' in element:
        return f"{element['prefix']['addr']}/{element['prefix']['len']}"
    return '-'.join(element['range'])
