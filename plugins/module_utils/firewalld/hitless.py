# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing the running firewall without a reload, so that no allowed connection is lost and no denied one passes.

New members enter their sets, then the policies take the union of old and new rules, then the new rules alone, then old members leave:
at every moment the host admits at least what both states admit and at most what one of them does.
"""

from __future__ import annotations

import typing as t

from .. import reach
from . import bus
from .documents import Documents, written_out
from .kernel import Kernel

# Above these a reload is quicker: one entry of a set costs about 0.1 s, and a group without a set yet is written out address by address.
MOST_ENTRIES, MOST_INLINE = 100, 64

_OUR_SETTINGS = ('short', 'description', 'target', 'priority', 'ingress_zones', 'egress_zones', 'rich_rules')


class Steps(t.NamedTuple):
    """`add` and `remove` are (set, entry); `rules` maps a policy to (rules now, rules wanted)."""

    add: t.Tuple[t.Tuple[str, str], ...]
    remove: t.Tuple[t.Tuple[str, str], ...]
    rules: t.Dict[str, t.Tuple[t.List[str], t.List[str]]]


def plan(wanted: Documents, kernel: Kernel) -> t.Optional[Steps]:
    """The steps to WANTED, or None where only a reload leads there: other policies than the running ones, or too much at once."""
    running = [name for name in bus.call('policy', 'getPolicies') if name in wanted.policies]
    if kernel.faults or sorted(running) != sorted(wanted.policies) or len(kernel.directions) != len(wanted.policies):
        return None
    rules = {}
    for name, document in wanted.policies.items():
        settings = bus.call('policy', 'getPolicySettings', 's', name)
        if settings['priority']['data'] != document.priority or settings['target']['data'] != document.target:
            return None
        if any(variant['data'] for key, variant in settings.items() if key not in _OUR_SETTINGS):
            return None
        lines = list(dict.fromkeys(line.text(document.direction) for rule in document.rules for line in written_out(rule, wanted, kernel.sets)))
        rules[name] = (settings.get('rich_rules', {}).get('data', []), lines)
    inline = sum(len(document.entries) for name, document in wanted.sets.items() if name not in kernel.sets)
    here = {name: (set(kernel.sets[name]), set(document.entries)) for name, document in wanted.sets.items() if name in kernel.sets}
    add = tuple((name, entry) for name, (old, new) in here.items() for entry in sorted(new - old))
    remove = tuple((name, entry) for name, (old, new) in here.items() for entry in sorted(old - new))
    if inline > MOST_INLINE or len(add) + len(remove) > MOST_ENTRIES or _overlap(add, here):
        return None
    return Steps(add, remove, rules)


def _overlap(add: t.Iterable[t.Tuple[str, str]], here: t.Dict[str, t.Tuple[t.Set[str], t.Set[str]]]) -> bool:
    """Whether a new entry covers or lies within an old one: the kernel refuses both at once in one set."""
    for name, entry in add:
        first, last = reach.interval(entry)
        for old in here[name][0]:
            low, high = reach.interval(old)
            if first <= high and low <= last:
                return True
    return False


def take(steps: Steps) -> None:
    """Carry out STEPS."""
    for name, entry in steps.add:
        bus.call('ipset', 'addEntry', 'ss', name, entry)
    for name, (now, wanted) in steps.rules.items():
        if sorted(now) != sorted(wanted):
            _set_rules(name, list(dict.fromkeys([*now, *wanted])))
            _set_rules(name, wanted)
    for name, entry in steps.remove:
        bus.call('ipset', 'removeEntry', 'ss', name, entry)


def _set_rules(name: str, rules: t.List[str]) -> None:
    bus.set_dictionary('policy', 'setPolicySettings', name, {'rich_rules': {'type': 'as', 'data': rules}})
