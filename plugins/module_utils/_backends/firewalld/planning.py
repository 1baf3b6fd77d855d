# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a host with firewalld, and how the running firewall gets there."""

from __future__ import annotations

import typing as t

from ..._model import report
from ..._model.connection import Connection, is_allowed
from ..._model.policy import Policy, Rule
from ..base import PlainData
from . import applying, config_files, display, docker, hitless, service, unmanaged_rules, unmanaged_runtime, verify
from .documents import Documents, allowed_traffic, build
from .kernel import Kernel
from .service import Service, Switch


class State(t.NamedTuple):
    """The service, the managed files (path -> text), the kernel (None if firewalld does not run), and what portmatrix
    does not manage."""

    service: Service
    files: t.Dict[str, str]
    documents: Documents
    kernel: t.Optional[Kernel]
    unmanaged: unmanaged_rules.Unmanaged

    def plan(self, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
        return plan(self, policy, guard)

    def gather(self) -> PlainData:
        is_enforced = (
            self.kernel is not None
            and bool(self.documents.policies)
            and not verify.deviation(self.documents, self.kernel)
        )
        return {
            'backend': service.UNIT,
            'version': '.'.join(map(str, self.service.version)),
            'active': self.service.active,
            'enforced': is_enforced,
            'state': display.state(self.service.text(), self.documents, self.kernel),
            'rules': report.to_data(display.rules(self.documents)),
        }


class Changes(t.NamedTuple):
    """What has to change from `state`: `files` (path -> new content, None removes), the `switch` of the service, and
    the `transition` of the running firewall to `wanted`, by way of `steps` if it is hitless."""

    state: State
    wanted: Documents
    files: t.Dict[str, t.Optional[str]]
    switch: Switch
    transition: str
    steps: t.Optional[hitless.Steps]
    diff: t.Dict[str, str]
    counts: t.Dict[str, int]
    warnings: t.Tuple[str, ...]

    @property
    def has_changes(self) -> bool:
        return bool(self.files or self.switch.steps or self.transition != 'none')

    def would_allow(self, connection: Connection) -> bool:
        # without a portmatrix policy, firewalld's zones decide, which are as they were before
        return not self.wanted.policies or is_allowed(allowed_traffic(self.wanted), connection)

    def snapshot(self) -> PlainData:
        observed = self.state.service
        # captured here, before any reload: another process may have to restore it
        runtime = None
        if self.transition == 'reload' and observed.active:
            runtime = unmanaged_runtime.capture(observed.preserves_iptables).to_data()
        return {
            'files': self.state.files,
            'active': observed.active,
            'enabled': observed.enablement,
            'switched_on': list(observed.switched_on),
            'runtime': runtime,
            'isolation': docker.isolation(),
        }

    def desired(self) -> PlainData:
        return {
            'files': self.files,
            'wanted': config_files.render(self.wanted),
            'steps': list(self.switch.steps),
            'switched_on': list(self.switch.switched_on),
        }

    def apply(self, snapshot: PlainData) -> str:
        return applying.apply(self, snapshot)


def plan(state: State, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
    """The changes from STATE to POLICY; None is a host that portmatrix does not manage. Raises Refused if this
    firewalld cannot be used."""
    if policy is not None:
        service.require_usable(state.service)
    wanted = build(policy, guard) if policy else Documents({}, {})
    contents = config_files.render(wanted)
    changed: t.Dict[str, t.Optional[str]] = {
        path: text for path, text in contents.items() if state.files.get(path) != text
    }
    changed.update({path: None for path in state.files if path not in contents})
    switch = service.switch_on(state.service) if policy else service.switch_off(state.service)
    transition, steps = _transition(state, wanted, switch)
    before = report.Side(
        display.state(state.service.text(), state.documents, state.kernel), display.rules(state.documents)
    )
    after = report.Side(
        display.state(_service_after(state.service, switch).text(), wanted, None), display.rules(wanted)
    )
    return Changes(
        state,
        wanted,
        changed,
        switch,
        transition,
        steps,
        report.diff(before, after, service.UNIT),
        report.counts(before.rules, after.rules),
        unmanaged_rules.warnings(state.unmanaged, policy),
    )


def _service_after(observed: Service, switch: Switch) -> Service:
    enablement = observed.enablement
    if 'enable' in switch.steps:
        enablement = 'enabled'
    elif 'disable' in switch.steps:
        enablement = 'disabled'
    active = (observed.active or 'start' in switch.steps) and 'stop' not in switch.steps
    return observed._replace(active=active, enablement=enablement, switched_on=switch.switched_on)


def _transition(state: State, wanted: Documents, switch: Switch) -> t.Tuple[str, t.Optional[hitless.Steps]]:
    if state.kernel is None or 'stop' in switch.steps:
        return 'none', None
    has_priorities = all(
        state.unmanaged.priorities.get(name) == document.priority for name, document in wanted.policies.items()
    )
    if has_priorities and not verify.deviation(wanted, state.kernel):
        return 'none', None
    steps = hitless.plan(wanted, state.kernel) if wanted.policies else None
    return ('hitless' if steps else 'reload'), steps
