# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a host with firewalld, and which way its runtime gets there."""

from __future__ import annotations

import typing as t

from ..._model import report
from ..._model.policy import Policy, Rule
from . import display, foreign, hitless, kernel, service, verify, xml
from .documents import Documents, build


class State(t.NamedTuple):
    """What is there: the service, our files (path -> text), the kernel (None where firewalld does not run), and of others what may pass before us."""

    service: service.Service
    files: t.Dict[str, str]
    documents: Documents
    kernel: t.Optional[kernel.Kernel]
    priorities: t.Dict[str, int]
    zones: foreign.Zones


class Changes(t.NamedTuple):
    """What has to happen: `files` (path -> new content, None removes), systemctl `steps`, and how the runtime gets there."""

    files: t.Dict[str, t.Optional[str]]
    steps: t.Tuple[str, ...]
    remember: t.Tuple[str, ...]
    runtime: str
    hitless: t.Optional[hitless.Steps]
    wanted: Documents
    diff: t.Dict[str, str]
    counts: t.Dict[str, int]
    warnings: t.Tuple[str, ...]

    @property
    def any(self) -> bool:
        return bool(self.files or self.steps or self.runtime != 'none')


def plan(state: State, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
    """The changes from STATE to POLICY; None is a host without anything of ours."""
    if policy is not None:
        service.require_usable(state.service)
    wanted = build(policy, guard) if policy else Documents({}, {})
    contents = xml.files(wanted)
    changed: t.Dict[str, t.Optional[str]] = {
        path: text for path, text in contents.items() if state.files.get(path) != text
    }
    changed.update({path: None for path in state.files if path not in contents})
    steps, remember = service.switch_on(state.service) if policy else service.switch_off(state.service)
    runtime, without_reload = _runtime(state, wanted, steps)
    after = service.Service(
        state.service.version,
        (state.service.active or 'start' in steps) and 'stop' not in steps,
        'enabled' if 'enable' in steps else 'disabled' if 'disable' in steps else state.service.enabled,
        remember,
    )
    before_rules, after_rules = display.rules(state.documents), display.rules(wanted)
    warnings = foreign.warnings(state.priorities, state.zones, policy)
    diff = report.diff(
        (display.state(state.service.text(), state.documents, state.kernel), before_rules),
        (display.state(after.text(), wanted, None), after_rules),
        'firewalld',
    )
    counts = report.counts(before_rules, after_rules)
    return Changes(changed, steps, remember, runtime, without_reload, wanted, diff, counts, warnings)


def _runtime(state: State, wanted: Documents, steps: t.Tuple[str, ...]) -> t.Tuple[str, t.Optional[hitless.Steps]]:
    if state.kernel is None or 'stop' in steps:
        return 'none', None
    in_place = all(state.priorities.get(name) == document.priority for name, document in wanted.policies.items())
    if in_place and not verify.deviation(wanted, state.kernel):
        return 'none', None
    without_reload = hitless.plan(wanted, state.kernel) if wanted.policies else None
    return ('hitless' if without_reload else 'reload'), without_reload
