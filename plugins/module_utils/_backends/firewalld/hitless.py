# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing the running firewall without a reload: no allowed connection is lost, and no denied one passes.

Rules change from the old ones to the union of old and new, then to the new ones. A set changes its members

- before that, if no rule in force uses it,
- around it, new members first and old ones last, if the same rules use it before and after,
- in between, unused, if its rules change too: the new rules list its members one by one until the set has them.

So at every moment the host allows at least what both states allow, and nothing that neither of them does.
"""

from __future__ import annotations

import typing as t

from ..._model import traffic
from . import bus
from .documents import Documents, written_out
from .kernel import Kernel

# Above these a reload is faster: one entry of a set takes about 0.1 s, and each written-out address is a rule.
MAX_ENTRIES, MAX_INLINE = 100, 64
_MANAGED_SETTINGS = (
    'short',
    'description',
    'target',
    'priority',
    'ingress_zones',
    'egress_zones',
    'rich_rules',
)
Rules = t.Dict[str, t.List[str]]
BEFORE, AROUND, BETWEEN = 'before', 'around', 'between'


class SetChange(t.NamedTuple):
    """The members that one set gains and loses, and `when`: before, around or between the changes of rules."""

    name: str
    add: t.Tuple[str, ...]
    remove: t.Tuple[str, ...]
    when: str


class Steps(t.NamedTuple):
    """Rules by policy: those in force `now`, the `intermediate` ones (members of some sets written out), the
    `final`."""

    sets: t.Tuple[SetChange, ...]
    now: Rules
    intermediate: Rules
    final: Rules


def plan(wanted: Documents, kernel: Kernel) -> t.Optional[Steps]:
    """The steps to WANTED, or None if only a reload leads there: other policies than those in force, or too much."""
    running = [name for name in bus.call('policy', 'getPolicies') if name in wanted.policies]
    if kernel.faults or sorted(running) != sorted(wanted.policies) or len(kernel.directions) != len(wanted.policies):
        return None
    now = {}
    for name, document in wanted.policies.items():
        settings = bus.call('policy', 'getPolicySettings', 's', name)
        if settings['priority']['data'] != document.priority or settings['target']['data'] != document.target:
            return None
        if any(variant['data'] for key, variant in settings.items() if key not in _MANAGED_SETTINGS):
            return None
        now[name] = settings.get('rich_rules', {}).get('data', [])
    return compute_steps(wanted, kernel.sets, now)


def compute_steps(wanted: Documents, loaded: t.Dict[str, t.Tuple[str, ...]], now: Rules) -> t.Optional[Steps]:
    """The steps from the sets LOADED (name -> members) and the rules in force NOW, or None. Pure."""
    final = _rule_texts(wanted, loaded)
    changes = tuple(
        _set_change(name, loaded[name], document.entries, now, final)
        for name, document in wanted.sets.items()
        if name in loaded and set(loaded[name]) != set(document.entries)
    )
    unused = {change.name for change in changes if change.when == BETWEEN}
    intermediate = _rule_texts(wanted, {name: members for name, members in loaded.items() if name not in unused})
    inline = sum(
        len(document.entries) for name, document in wanted.sets.items() if name not in loaded or name in unused
    )
    entries = sum(len(change.add) + len(change.remove) for change in changes)
    conflicts = any(_has_overlap(change, loaded[change.name]) for change in changes if change.when == AROUND)
    if inline > MAX_INLINE or entries > MAX_ENTRIES or conflicts:
        return None
    return Steps(changes, now, intermediate, final)


def execute(steps: Steps) -> None:
    """Carry out STEPS. Raises BackendError if firewalld refuses one."""
    _change_members(steps, BEFORE, ('remove', 'add'))
    _change_members(steps, AROUND, ('add',))
    _change_rules(steps.now, steps.intermediate)
    _change_members(steps, BETWEEN, ('remove', 'add'))
    _change_rules(steps.intermediate, steps.final)
    _change_members(steps, AROUND, ('remove',))


def _rule_texts(wanted: Documents, loaded: t.Container[str]) -> Rules:
    texts: Rules = {}
    for name, document in wanted.policies.items():
        expanded = (part for rule in document.rules for part in written_out(rule, wanted, loaded))
        texts[name] = list(dict.fromkeys(rule.text(document.direction) for rule in expanded))
    return texts


def _set_change(name: str, old: t.Iterable[str], new: t.Iterable[str], now: Rules, final: Rules) -> SetChange:
    users_now, users_then = _users(name, now), _users(name, final)
    when = BEFORE if not users_now else AROUND if users_now == users_then else BETWEEN
    return SetChange(name, tuple(sorted(set(new) - set(old))), tuple(sorted(set(old) - set(new))), when)


def _users(name: str, rules: Rules) -> t.Set[t.Tuple[str, str]]:
    """(policy, rule) of the rules that refer to the set NAME."""
    return {(policy, line) for policy, lines in rules.items() for line in lines if f'"{name}"' in line}


def _has_overlap(change: SetChange, members: t.Iterable[str]) -> bool:
    """Whether a new entry overlaps an old one: the kernel refuses both in one set at the same time."""
    old = [traffic.interval(member) for member in members]
    return any(traffic.overlap(new, other) for new in map(traffic.interval, change.add) for other in old)


def _change_members(steps: Steps, when: str, verbs: t.Iterable[str]) -> None:
    for change in (change for change in steps.sets if change.when == when):
        for verb in verbs:
            for entry in getattr(change, verb):
                bus.call('ipset', f'{verb}Entry', 'ss', change.name, entry)


def _change_rules(now: Rules, wanted: Rules) -> None:
    for name, lines in wanted.items():
        if sorted(now[name]) != sorted(lines):
            _set_rules(name, list(dict.fromkeys([*now[name], *lines])))
            _set_rules(name, lines)


def _set_rules(name: str, rules: t.List[str]) -> None:
    bus.set_dictionary('policy', 'setPolicySettings', name, {'rich_rules': {'type': 'as', 'data': rules}})
