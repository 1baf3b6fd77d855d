# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a host with ufw: its files, its service, and a transaction for each family."""

from __future__ import annotations

import typing as t

from ..._model import policy as policies, report, traffic
from ..._model.policy import Policy, Rule
from . import compiler, display, edits, expected, kernel, service, startup
from .compiler import Rules
from .edits import Edited, Memory
from .kernel import Table
from .service import Service


class State(t.NamedTuple):
    """What is there: the service, the texts of ufw's files, the kernel's tables of the families that ufw manages, and what was before us."""

    service: Service
    texts: t.Dict[str, str]
    live: t.Dict[str, Table]
    memory: Memory


class Changes(t.NamedTuple):
    """What has to happen: `files` (path -> new text), systemd `steps`, a transaction for each family; `stated` is what the kernel then holds in the
    chains that are `owned` by ufw."""

    files: t.Dict[str, str]
    steps: t.Tuple[str, ...]
    transactions: t.Dict[str, str]
    stated: t.Dict[str, Table]
    owned: t.Dict[str, t.Set[str]]
    edited: Edited
    starting: bool
    diff: t.Dict[str, str]
    counts: t.Dict[str, int]
    warnings: t.Tuple[str, ...]

    @property
    def any(self) -> bool:
        return bool(self.files or self.steps or self.transactions)

    @property
    def runtime(self) -> str:
        return 'hitless' if self.transactions else 'none'


def plan(state: State, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
    """The changes from STATE to POLICY; None is a host without anything of ours."""
    guard = tuple(guard)
    if policy is not None:
        service.require_usable(state.service, tuple(state.live), policy)
    strict = edits.settings_after(state.texts, state.memory, policy)[1].policies['output'] != 'ACCEPT'
    own = (
        compiler.build(policy, guard, strict)
        if policy
        else Rules(dict.fromkeys(traffic.FAMILIES, ()), dict.fromkeys(traffic.FAMILIES, ()))
    )
    steps, remembered = service.switch(state.service, state.memory, policy is not None)
    off = {family: table.policies for family, table in state.live.items() if not table.runs(family)}
    memory = state.memory._replace(steps=remembered, policies=state.memory.policies if state.memory.originals else off)
    # without a policy, both families are cleaned, whether ufw manages them now or not
    limits = {family: service.limits(family, state.texts) for family in (state.live if policy else traffic.FAMILIES)}
    edited = edits.edit(state.texts, memory, policy, own, policies.reach_of(policy, guard) if policy else {}, limits)
    changed = {path: text for path, text in edited.texts.items() if state.texts[path] != text}
    owned = {family: startup.owned(family, state.texts) | startup.owned(family, edited.texts) for family in state.live}
    stated, now = dict(state.live), dict(state.live)
    if policy or ((changed or steps) and (state.service.settings.enabled or edited.settings.enabled)):
        # otherwise nothing of ours is here or in force, and how the kernel deviates is not ours to mend
        stated, now = expected.stated(state, edited)
    transactions = {
        family: kernel.transaction(state.live[family], stated[family], owned[family]) for family in state.live
    }
    before, after = expected.sides(state, edited, now, owned)
    starting = edited.settings.enabled and not state.live['ipv4'].runs('ipv4')
    return Changes(
        changed,
        steps,
        {family: text for family, text in transactions.items() if text},
        stated,
        owned,
        edited,
        starting,
        report.diff(before, after, 'ufw'),
        report.counts(before[1], after[1]),
        (*service.warnings(state.service, starting), *display.warnings(edited, policy, state.live)) if policy else (),
    )
