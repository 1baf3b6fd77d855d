# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host with ufw as it is and as it is to be: in the kernel, and in words."""

from __future__ import annotations

import typing as t

from ..._model.report import Line
from . import compiler, display, kernel, startup
from .edits import Edited
from .kernel import Table
from .settings import Settings


def stated(state: t.Any, edited: Edited) -> t.Tuple[t.Dict[str, Table], t.Dict[str, Table]]:
    """What the kernel is to hold, and what it would hold by the files as they are. A ufw that is off has no chains; who switched it off had its
    policies before."""
    wanted = _tables(state, edited.texts, edited.settings)
    return wanted, wanted if edited.texts == state.texts else _tables(state, state.texts, state.service.settings)


def _tables(state: t.Any, texts: t.Dict[str, str], settings: Settings) -> t.Dict[str, Table]:
    if not settings.enabled:
        return {family: Table({}, {**kernel.OPEN, **state.memory.policies.get(family, {})}) for family in state.live}
    return dict(
        zip(state.live, kernel.canonical([(family, startup.compose(family, texts, settings)) for family in state.live]))
    )


def sides(
    state: t.Any, edited: Edited, now: t.Dict[str, Table], owned: t.Dict[str, t.Set[str]]
) -> t.Tuple[t.Tuple[t.List[str], t.List[Line]], t.Tuple[t.List[str], t.List[Line]]]:
    """Both sides of the diff, each (lines about the firewall, rules)."""
    old, sections = display.of_hosts(state.live, state.texts)
    new, new_sections = display.of_hosts(state.live, edited.texts)
    deviations = []
    if state.service.settings.enabled:
        deviations = [
            text
            for family, table in now.items()
            for text in display.drift(family, state.live[family], table, owned[family])
        ]
    beside = display.beside(edited.foreign, edited.openings)
    at_boot = 'enabled' if edited.settings.enabled and state.service.enabled == 'disabled' else state.service.enabled
    sides = []
    for settings, boots, tuples, texts, extra in (
        (state.service.settings, state.service.at_boot, old, sections, deviations),
        (edited.settings, at_boot in ('enabled', ''), new, new_sections, []),
    ):
        exclusive = any(rule.note() == compiler.EXCLUSIVE for rule in tuples)
        sides.append(
            (
                [*display.state(settings, boots, tuples), *([] if exclusive else beside), *extra],
                display.rules(tuples, texts),
            )
        )
    return sides[0], sides[1]
