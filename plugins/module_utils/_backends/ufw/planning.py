# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a host with ufw: its files, its service, and a transaction for each family."""

from __future__ import annotations

import typing as t

from ..._base.errors import BackendError
from ..._kernel import flows, neighbours, questions
from ..._kernel.flows import Flow
from ..._kernel.reader import Kernel as WholeKernel
from ..._model import logs, report
from ..._model.openings import Opening, diff_lines
from ..._model.peers import Peers
from ..._model.policy import Policy, Rule
from ..base import PlainData
from . import (
    administrator_files,
    admitted,
    display,
    drift,
    edits,
    kernel,
    managed_section,
    notes,
    others as others_of,
    ruleset as rulesets,
    service,
    startup,
    transactions,
    user_rules,
)
from .changes import Changes, Target, UfwChains, is_starting
from .edits import Edited, Texts
from .former import Former
from .kernel import Table, Tables
from .ruleset import Ruleset
from .service import Service
from .user_rules import PREFIXES


class State(t.NamedTuple):
    """The service, the texts of ufw's files, the tables LIVE in the kernel of the families that ufw manages, what was
    there before portmatrix, and everything else in the kernel (`whole`)."""

    service: Service
    texts: Texts
    live: Tables
    former: Former
    whole: WholeKernel

    def plan(self, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
        documented = flows.documented(policy, guard, self.whole.surroundings) if policy else []
        return plan(self, rulesets.build(policy, guard), documented)

    def admitted_sources(self, port: int) -> t.Optional[Peers]:
        rules = {family: user_rules.parse(path, self.texts[path]).tuples for family, path in self._paths()}
        managed = {family: tuple(filter(notes.is_managed, own)) for family, own in rules.items()}
        ours = admitted.by_guard(managed, port)
        return ours if ours is not None else questions.admitted_sources(self.whole, port, exactly=False)

    def _paths(self) -> t.Iterator[t.Tuple[str, str]]:
        return ((family, path) for family, path in user_rules.PATHS.items() if family in self.live)

    def ufw_chains(self) -> UfwChains:
        return {family: startup.ufw_chains(family, self.texts) for family in self.live}

    def expected(self, texts: Texts, edited: t.Optional[Edited] = None) -> Tables:
        """What the kernel contains if it follows TEXTS: those of this state, or those of EDITED."""
        settings = edited.settings if edited else self.service.settings
        return drift.expected_tables(self.live, texts, settings, self.former)

    def gather(self) -> PlainData:
        managed, sections = display.managed(self.live, self.texts)
        rules = display.rules(managed, sections)
        enabled = self.service.settings.enabled
        deviations: t.List[str] = []
        if rules and enabled:
            deviations = drift.deviations(self.live, self.expected(self.texts), self.ufw_chains())
        return {
            'backend': service.UNIT,
            'version': self.service.version,
            'active': enabled,
            'enforced': bool(rules) and enabled and not deviations,
            'state': [*display.state(self.service.settings, self.service.starts_at_boot, managed), *deviations],
            'rules': report.to_data(rules),
        }


def plan(state: State, ruleset: Ruleset, documented: t.Sequence[Flow]) -> Changes:
    """The changes from STATE to RULESET, which allows what is DOCUMENTED. Raises Refused if this ufw cannot be used for
    it, or other rules make it something else."""
    if ruleset.is_managed:
        service.require_usable(state.service, state.live, ruleset)
    switch = service.switch(state.service, state.former, ruleset.is_managed)
    former = state.former._replace(steps=switch.undo, policies=_policies_without_ufw(state))
    # a host that is released is cleaned in both families, whichever of them ufw manages now
    families = tuple(state.live) if ruleset.is_managed else tuple(PREFIXES)
    can_limit = {family: service.can_limit(family, state.texts) for family in families}
    edited = edits.edit(state.texts, former, ruleset, can_limit)
    files = {path: text for path, text in edited.texts.items() if state.texts[path] != text}
    before, after = _expected_tables(state, edited, ruleset, bool(files or switch.steps))
    targets = {family: _target(state, edited, family, before[family], after[family]) for family in state.live}
    whole = state.whole
    for family, target in targets.items():
        whole = whole.with_tables(kernel.program(family), family, kernel.save_text(target.result))
    partly = neighbours.require_passing(whole, documented, others_of.is_own)
    outside = others_of.openings(whole, documented, ruleset.directions, after)
    if ruleset.exclusive:
        others_of.require_closed(outside)
    others = _others(state, edited, ruleset, [opening for _place, opening in outside])
    sides = _sides(state, edited, before, {family: target.ufw_chains for family, target in targets.items()}, others)
    return Changes(
        state=state,
        files=files,
        steps=switch.steps,
        targets=targets,
        whole=whole,
        edited=edited,
        diff=report.diff(*sides, service.UNIT),
        counts=report.counts(*(side.rules for side in sides)),
        warnings=(*_warnings(state, edited, ruleset, others), *partly),
        closing=tuple(opening for opening in others.open_before if opening not in others.open_after),
        staying=others.open_after,
    )


def _target(state: State, edited: Edited, family: str, before: Table, after: Table) -> Target:
    """What the filter table of FAMILY is to be; BEFORE and AFTER are what the files define."""
    ufw_chains = startup.ufw_chains(family, state.texts) | startup.ufw_chains(family, edited.texts)
    for name, rules in after.chains.items():
        # chains of others that the files declare are emptied and filled when ufw starts, as it does itself
        is_loaded = is_starting(state, edited) or before.chains.get(name) != rules
        if name not in kernel.BUILT_IN and is_loaded:
            ufw_chains.add(name)
    return Target(after, ufw_chains, transactions.known_rules(before, after), state.live[family])


def _others(state: State, edited: Edited, ruleset: Ruleset, outside: t.Iterable[Opening]) -> others_of.Others:
    if not ruleset.is_managed:
        return others_of.Others((), True, True, ())
    defaults = display.default_openings(state.service.settings)
    was_exclusive = notes.is_exclusive(display.managed(state.live, state.texts)[0])
    # where everything is open, nothing is closed
    is_open_before = bool(defaults) or not was_exclusive
    return others_of.Others(
        (*display.extra_openings(edited), *outside), is_open_before, not ruleset.exclusive, defaults
    )


def _policies_without_ufw(state: State) -> t.Dict[str, t.Dict[str, str]]:
    """The policies of the built-in chains before ufw was started, by family; recorded at the first application."""
    is_first_application = not state.former.originals
    if not is_first_application:
        return state.former.policies
    return {family: table.policies for family, table in state.live.items() if not table.has_ufw(family)}


def _warnings(state: State, edited: Edited, ruleset: Ruleset, others: others_of.Others) -> t.Tuple[str, ...]:
    if not ruleset.is_managed:
        return ()
    from_service = service.warnings(state.service, is_starting(state, edited))
    return (*from_service, *display.warnings(edited, others.open_after, state.live))


def _expected_tables(state: State, edited: Edited, ruleset: Ruleset, has_changes: bool) -> t.Tuple[Tables, Tables]:
    """What the kernel contains if it follows the present files, and what it has to contain after the change."""
    is_enabled = state.service.settings.enabled or edited.settings.enabled
    if not ruleset.is_managed and not (has_changes and is_enabled):
        # no managed rule is here or in force, so portmatrix does not repair how the kernel deviates from the files
        return dict(state.live), dict(state.live)
    try:
        after = state.expected(edited.texts, edited)
        return (after if edited.texts == state.texts else state.expected(state.texts)), after
    except BackendError:
        if ruleset.is_managed:
            raise
    # a release does not depend on lines of others that do not load any more
    if edited.settings.enabled:
        after = drift.without_managed(state.live, state.texts, edited.texts, edited.settings)
    else:
        after = state.expected(edited.texts, edited)
    return dict(state.live), after


def _sides(
    state: State, edited: Edited, expected_before: Tables, ufw_chains: UfwChains, others: others_of.Others
) -> t.Tuple[report.Side, report.Side]:
    """Both sides of the diff."""
    deviations: t.List[str] = []
    if state.service.settings.enabled:
        deviations = drift.deviations(state.live, expected_before, ufw_chains)
    after = state.service._replace(settings=edited.settings)
    will_be_enabled_at_boot = edited.settings.enabled and state.service.enablement == 'disabled'
    if will_be_enabled_at_boot:
        after = after._replace(enablement='enabled')
    return (
        _side(
            state.service,
            state.live,
            state.texts,
            [*diff_lines(others.all, is_open=others.is_open_before), *deviations],
        ),
        _side(after, state.live, edited.texts, diff_lines(others.all, is_open=others.is_open_after)),
    )


def _side(observed: Service, families: t.Iterable[str], texts: Texts, more: t.List[str]) -> report.Side:
    managed, sections = display.managed(families, texts)
    lines = display.state(observed.settings, observed.starts_at_boot, managed)
    if managed_section.section(texts[administrator_files.AFTER['ipv4']]):
        lines.append(logs.LINE)
    return report.Side([*lines, *more], display.rules(managed, sections))
