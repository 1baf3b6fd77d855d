# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a host with ufw: its files, its service, and a transaction for each family."""

from __future__ import annotations

import typing as t

from ..._base.errors import BackendError
from ..._host import management
from ..._model import report, traffic
from ..._model.connection import Connection
from ..._model.policy import Policy, Rule
from ..base import PlainData
from . import display, drift, edits, kernel, notes, ruleset as rulesets, service, startup, verdict
from .edits import Edited, Texts
from .former import Former
from .kernel import Tables
from .ruleset import Ruleset
from .service import Service
from .user_rules import PREFIXES

Owned = t.Dict[str, t.Set[str]]  # family -> the chains that are ufw's


class State(t.NamedTuple):
    """The service, the texts of ufw's files, the tables LIVE in the kernel of the families that ufw manages, and what
    was there before portmatrix."""

    service: Service
    texts: Texts
    live: Tables
    former: Former

    def plan(self, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
        return plan(self, rulesets.build(policy, guard))

    def owned_chains(self) -> Owned:
        return {family: startup.owned_chains(family, self.texts) for family in self.live}

    def expected(self, texts: Texts, edited: t.Optional[Edited] = None) -> Tables:
        """What the kernel contains if it follows TEXTS: those of this state, or those of EDITED."""
        settings = edited.settings if edited else self.service.settings
        return drift.expected_tables(self.live, texts, settings, self.former)

    def gathered(self) -> PlainData:
        own, sections = display.managed(self.live, self.texts)
        rules = display.rules(own, sections)
        enabled = self.service.settings.enabled
        deviations: t.List[str] = []
        if rules and enabled:
            deviations = drift.deviations(self.live, self.expected(self.texts), self.owned_chains())
        return {
            'backend': service.UNIT,
            'version': self.service.version,
            'active': enabled,
            'enforced': bool(rules) and enabled and not deviations,
            'state': [*display.state(self.service.settings, self.service.starts_at_boot, own), *deviations],
            'rules': report.to_data(rules),
        }


class Changes(t.NamedTuple):
    """What has to change from `state`: `files` (path -> new text), systemd `steps`, a transaction for each family;
    `expected` is what the kernel then contains in the chains `owned` by ufw."""

    state: State
    files: t.Dict[str, str]
    steps: t.Tuple[str, ...]
    transactions: t.Dict[str, str]
    expected: Tables
    owned: Owned
    edited: Edited
    diff: t.Dict[str, str]
    counts: t.Dict[str, int]
    warnings: t.Tuple[str, ...]

    @property
    def any(self) -> bool:
        return bool(self.files or self.steps or self.transactions)

    @property
    def transition(self) -> str:
        return 'hitless' if self.transactions else 'none'

    @property
    def is_starting(self) -> bool:
        return is_starting(self.state, self.edited)

    def would_allow(self, connection: Connection) -> bool:
        """Unmanaged rules included; if ufw starts, the replies must be allowed too: the kernel does not know the
        connection yet."""
        table = self.expected.get(traffic.family(connection.peer))
        if table is None:
            # ufw denies a family that it does not manage as a whole
            return not self.edited.settings.enabled
        interface = management.interface(connection.local)
        if not verdict.accepts(table, connection, interface):
            return False
        return not self.is_starting or verdict.accepts_replies(table, connection, interface)

    def snapshot(self) -> PlainData:
        return {
            'texts': self.state.texts,
            'live': kernel.to_data(self.state.live),
            'former': self.state.former._asdict(),
            'enabled': self.state.service.enabled,
        }

    def desired(self) -> PlainData:
        return {
            'files': self.files,
            'expected': kernel.to_data(self.expected),
            'owned': {family: sorted(names) for family, names in self.owned.items()},
            'former': self.edited.former._asdict(),
            'steps': list(self.steps),
        }

    def apply(self, before: PlainData) -> str:
        if self.is_starting:
            startup.prepare(self.edited.texts, self.edited.settings)
        for family, transaction in self.transactions.items():
            kernel.load(family, transaction)
        if self.is_starting:
            startup.finish(self.edited.settings)
        families = kernel.differing_families(self.expected, self.owned)
        if families:
            raise BackendError(f'the rules in the kernel differ from the policy ({families})')
        return self.transition


def plan(state: State, ruleset: Ruleset) -> Changes:
    """The changes from STATE to RULESET. Raises Refused if this ufw cannot be used for it."""
    if ruleset.is_managed:
        service.require_usable(state.service, state.live, ruleset)
    switch = service.switch(state.service, state.former, ruleset.is_managed)
    off = {family: table.policies for family, table in state.live.items() if not table.has_ufw(family)}
    former = state.former._replace(steps=switch.undo, policies=state.former.policies if state.former.originals else off)
    # a host that is released is cleaned in both families, whichever of them ufw manages now
    families = tuple(state.live) if ruleset.is_managed else tuple(PREFIXES)
    can_limit = {family: service.can_limit(family, state.texts) for family in families}
    edited = edits.edit(state.texts, former, ruleset, can_limit)
    changed = {path: text for path, text in edited.texts.items() if state.texts[path] != text}
    owned = {
        family: chains | startup.owned_chains(family, edited.texts) for family, chains in state.owned_chains().items()
    }
    wanted, now = _expected_tables(state, edited, ruleset, bool(changed or switch.steps))
    before, after = _sides(state, edited, now, owned)
    transactions = {
        family: kernel.transaction(state.live[family], wanted[family], owned[family]) for family in state.live
    }
    return Changes(
        state,
        changed,
        switch.steps,
        {family: text for family, text in transactions.items() if text},
        wanted,
        owned,
        edited,
        report.diff(before, after, service.UNIT),
        report.counts(before.rules, after.rules),
        _warnings(state, edited, ruleset),
    )


def is_starting(state: State, edited: Edited) -> bool:
    return edited.settings.enabled and not state.live['ipv4'].has_ufw('ipv4')


def _warnings(state: State, edited: Edited, ruleset: Ruleset) -> t.Tuple[str, ...]:
    if not ruleset.is_managed:
        return ()
    from_service = service.warnings(state.service, is_starting(state, edited))
    return (*from_service, *display.warnings(edited, ruleset, state.live))


def _expected_tables(state: State, edited: Edited, ruleset: Ruleset, changes: bool) -> t.Tuple[Tables, Tables]:
    """What the kernel has to contain after the change, and what it would contain if it followed the present files."""
    enabled = state.service.settings.enabled or edited.settings.enabled
    if not ruleset.is_managed and not (changes and enabled):
        # nothing of portmatrix is here or in force, so how the kernel deviates is not for us to repair
        return dict(state.live), dict(state.live)
    wanted = state.expected(edited.texts, edited)
    return wanted, wanted if edited.texts == state.texts else state.expected(state.texts)


def _sides(state: State, edited: Edited, now: Tables, owned: Owned) -> t.Tuple[report.Side, report.Side]:
    """Both sides of the diff."""
    deviations: t.List[str] = []
    if state.service.settings.enabled:
        deviations = drift.deviations(state.live, now, owned)
    after = state.service._replace(settings=edited.settings)
    if edited.settings.enabled and state.service.enabled == 'disabled':
        after = after._replace(enabled='enabled')
    openings = display.extra_openings(edited)
    return (
        _side(state.service, state.live, state.texts, openings, deviations),
        _side(after, state.live, edited.texts, openings, []),
    )


def _side(
    observed: Service, families: t.Iterable[str], texts: Texts, openings: t.List[str], deviations: t.List[str]
) -> report.Side:
    own, sections = display.managed(families, texts)
    lines = display.state(observed.settings, observed.starts_at_boot, own)
    shown_openings = [] if notes.is_exclusive(own) else openings
    return report.Side([*lines, *shown_openings, *deviations], display.rules(own, sections))
