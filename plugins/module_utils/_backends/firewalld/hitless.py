# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing the running firewall without a reload, so that no allowed connection is lost and no denied one passes.

Rules go from the old ones to the union of old and new to the new ones. A set changes its members

- before that, where no running rule uses it,
- around it, new members first and old ones last, where the same rules use it before and after,
- in between, unused, where its rules change too: the new rules name its members one by one until it has them.

So at every moment the host admits at least what both states admit, and nothing that neither of them does.
"""

from __future__ import annotations

import typing as t

from ..._model import traffic
from . import bus
from .documents import Documents, written_out
from .kernel import Kernel

# Above these a reload is quicker: one entry of a set costs about 0.1 s, and an address that is written out is a rule of its own.
MOST_ENTRIES, MOST_INLINE = 100, 64
_OUR_SETTINGS = ('short', 'description', 'target', 'priority', 'ingress_zones', 'egress_zones', 'rich_rules')
Rules = t.Dict[str, t.List[str]]


class SetChange(t.NamedTuple):
    """What happens to one set, and `when`: before, around or between the changes of rules."""

    name: str
    add: t.Tuple[str, ...]
    remove: t.Tuple[str, ...]
    when: str


class Steps(t.NamedTuple):
    """Rules by policy: those that run `now`, those on the way (members of some sets written out), and those `wanted`."""

    sets: t.Tuple[SetChange, ...]
    now: Rules
    between: Rules
    wanted: Rules


def plan(wanted: Documents, kernel: Kernel) -> t.Optional[Steps]:
    """The steps to WANTED, or None where only a reload leads there: other policies than the running ones, or too much at once."""
    running = [name for name in bus.call('policy', 'getPolicies') if name in wanted.policies]
    if kernel.faults or sorted(running) != sorted(wanted.policies) or len(kernel.directions) != len(wanted.policies):
        return None
    now = {}
    for name, document in wanted.policies.items():
        settings = bus.call('policy', 'getPolicySettings', 's', name)
        if settings['priority']['data'] != document.priority or settings['target']['data'] != document.target:
            return None
        if any(variant['data'] for key, variant in settings.items() if key not in _OUR_SETTINGS):
            return None
        now[name] = settings.get('rich_rules', {}).get('data', [])
    return steps(wanted, kernel.sets, now)


def steps(wanted: Documents, running: t.Dict[str, t.Tuple[str, ...]], now: Rules) -> t.Optional[Steps]:
    """The same from the sets (name -> members) and rules that are RUNNING NOW. Pure."""
    final = _texts(wanted, running)
    changes = tuple(
        _set_change(name, running[name], document.entries, now, final)
        for name, document in wanted.sets.items()
        if name in running and set(running[name]) != set(document.entries)
    )
    written_out_sets = {change.name for change in changes if change.when == 'between'}
    between = _texts(wanted, {name: members for name, members in running.items() if name not in written_out_sets})
    inline = sum(
        len(document.entries)
        for name, document in wanted.sets.items()
        if name not in running or name in written_out_sets
    )
    entries = sum(len(change.add) + len(change.remove) for change in changes)
    if (
        inline > MOST_INLINE
        or entries > MOST_ENTRIES
        or any(_overlap(change, running[change.name]) for change in changes if change.when == 'around')
    ):
        return None
    return Steps(changes, now, between, final)


def _texts(wanted: Documents, running: t.Container[str]) -> Rules:
    return {
        name: list(
            dict.fromkeys(
                line.text(document.direction) for rule in document.rules for line in written_out(rule, wanted, running)
            )
        )
        for name, document in wanted.policies.items()
    }


def _set_change(name: str, old: t.Iterable[str], new: t.Iterable[str], now: Rules, final: Rules) -> SetChange:
    users = [
        {(policy, line) for policy, lines in rules.items() for line in lines if f'"{name}"' in line}
        for rules in (now, final)
    ]
    when = 'before' if not users[0] else 'around' if users[0] == users[1] else 'between'
    return SetChange(name, tuple(sorted(set(new) - set(old))), tuple(sorted(set(old) - set(new))), when)


def _overlap(change: SetChange, members: t.Iterable[str]) -> bool:
    """Whether a new entry covers or lies within an old one: the kernel refuses both at once in one set."""
    old = [traffic.interval(member) for member in members]
    return any(first <= high and low <= last for first, last in map(traffic.interval, change.add) for low, high in old)


def take(planned: Steps) -> None:
    """Carry out what was PLANNED."""
    _change_members(planned, 'before', ('remove', 'add'))
    _change_members(planned, 'around', ('add',))
    _change_rules(planned.now, planned.between)
    _change_members(planned, 'between', ('remove', 'add'))
    _change_rules(planned.between, planned.wanted)
    _change_members(planned, 'around', ('remove',))


def _change_members(planned: Steps, when: str, verbs: t.Iterable[str]) -> None:
    for change in (change for change in planned.sets if change.when == when):
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
