# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing the running firewall without a reload: no allowed connection is lost, and no denied one passes.

All objects exist already, so only their content changes, each with one call:

1. Idle sets are filled, while no rule uses them.
2. The rules of a policy in force become the union of old and new. A policy that is to be in force gets its rules, and
   then its zones.
3. A policy that is to be idle loses its zones, and then its rules.
4. The rules become the new ones.

So at every moment the host allows at least what both states allow, and nothing that neither of them does.
"""

from __future__ import annotations

import time
import typing as t

from ..._base.commands import fits_arguments
from ..._base.errors import BackendError
from . import bus, kernel, pool
from .documents import Documents
from .kernel import Sets
from .running import Running
from .slots import SLOTS, ZONES

# 40,000 members took 40 s (firewalld 2.4.4 on a loaded machine)
FILL_SECONDS = 60


class Fill(t.NamedTuple):
    """The new content of one set."""

    name: str
    entries: t.Tuple[str, ...]


class PolicyCall(t.NamedTuple):
    """A change of one policy: its rules, or (`active`) its zones."""

    name: str
    rules: t.Optional[t.Tuple[str, ...]] = None
    active: t.Optional[bool] = None


class Steps(t.NamedTuple):
    fills: t.Tuple[Fill, ...]
    calls: t.Tuple[PolicyCall, ...]

    @property
    def any(self) -> bool:
        return bool(self.fills or self.calls)


def compute_steps(wanted: Documents, loaded: Sets, running: Running) -> t.Optional[Steps]:
    """The steps to WANTED from the sets LOADED and the policies RUNNING, all of which exist. Pure.

    None if a set has too many members, or a policy too many rules, for one call.
    """
    used = {name: wanted.sets[name] for name in sorted(wanted.used_sets)}
    fills = tuple(
        Fill(name, document.entries)
        for name, document in used.items()
        if not pool.same_members(loaded[name], document.entries)
    )
    calls = tuple(_policy_calls(wanted, running))
    arguments = (*(fill.entries for fill in fills), *(call.rules or () for call in calls))
    return Steps(fills, calls) if all(map(fits_arguments, arguments)) else None


def execute(steps: Steps) -> None:
    """Carry out STEPS. Raises BackendError if firewalld refuses one."""
    for fill in steps.fills:
        if fill.entries:
            _set_entries(fill.name, fill.entries)
        else:
            _empty(fill.name)
    _wait_until_filled(steps.fills)
    for call in steps.calls:
        settings: t.Dict[str, t.List[str]] = {}
        if call.rules is not None:
            settings['rich_rules'] = list(call.rules)
        if call.active is not None:
            for key, zone in zip(('ingress_zones', 'egress_zones'), ZONES[SLOTS[call.name].direction]):
                settings[key] = [zone] if call.active else []
        variants = {key: {'type': 'as', 'data': data} for key, data in settings.items()}
        bus.set_dictionary('policy', 'setPolicySettings', call.name, variants)


def _set_entries(name: str, entries: t.Iterable[str]) -> None:
    words = bus.arguments('as', list(entries))
    bus.call('ipset', 'setEntries', 'sas', name, *words, timeout=bus.SLOW_SECONDS)


def _empty(name: str) -> None:
    """Remove all members of an idle set; some versions from 1.0.4 to 1.2.0 cannot set an empty list."""
    try:
        _set_entries(name, ())
    except BackendError:
        last = '2001:db8::1' if pool.family_of(name) == 'ipv6' else '192.0.2.1'
        _set_entries(name, [last])
        bus.call('ipset', 'removeEntry', 'ss', name, last)


def _wait_until_filled(fills: t.Sequence[Fill]) -> None:
    """Wait until the kernel has the members: since 2.3.2, firewalld adds them after it has answered.

    Raises BackendError if it has others FILL_SECONDS later.
    """
    deadline = time.monotonic() + FILL_SECONDS
    while True:
        sets = kernel.read().sets if fills else {}
        wrong = [fill.name for fill in fills if not pool.same_members(sets.get(fill.name, ()), fill.entries)]
        if not wrong:
            return
        if time.monotonic() > deadline:
            raise BackendError(f'the sets {", ".join(wrong)} have other members in the kernel after {FILL_SECONDS} s')
        time.sleep(0.1)


def _policy_calls(wanted: Documents, running: Running) -> t.Iterator[PolicyCall]:
    final = {name: document.texts() for name, document in wanted.active.items()}
    replaced = [name for name, policy in running.items() if policy.active and name not in final]
    between: t.Dict[str, t.Tuple[str, ...]] = {}
    for name, rules in final.items():
        # of two policies in force, one decides alone: until both are complete the old one, then the new one
        between[name] = tuple(dict.fromkeys((*running[name].rules, *rules))) if running[name].active else rules
        if sorted(running[name].rules) != sorted(between[name]):
            yield PolicyCall(name, rules=between[name])
        if not running[name].active:
            yield PolicyCall(name, active=True)
    for name in replaced:
        yield PolicyCall(name, active=False)
    for name, policy in running.items():
        if name not in final and policy.rules:
            yield PolicyCall(name, rules=())
    for name, rules in final.items():
        if sorted(between[name]) != sorted(rules):
            yield PolicyCall(name, rules=rules)
