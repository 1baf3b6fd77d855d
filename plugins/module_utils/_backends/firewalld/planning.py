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
from . import (
    applying,
    config_files,
    display,
    docker,
    hitless,
    pool,
    running,
    service,
    unmanaged_rules,
    unmanaged_runtime,
    verify,
)
from .documents import EMPTY, Documents, allowed_traffic, build
from .kernel import Kernel
from .running import Running
from .service import Service, Switch
from .slots import SLOTS


class State(t.NamedTuple):
    """The service, the managed files (path -> text), the kernel (None if firewalld does not run), and what portmatrix
    does not manage."""

    service: Service
    files: t.Dict[str, str]
    documents: Documents
    kernel: t.Optional[Kernel]
    running: Running
    unmanaged: unmanaged_rules.Unmanaged

    def plan(self, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
        return plan(self, policy, guard)

    def text(self) -> t.List[str]:
        """Lines about everything but the rules."""
        lines = display.state(self.service.text(), self.documents, self.kernel)
        if self.kernel is not None and not running.has_objects(self.running, self.documents.policies):
            lines.append('drift: the running policies have other settings than their configuration files')
        return lines

    def gather(self) -> PlainData:
        is_enforced = (
            self.kernel is not None
            and bool(self.documents.active)
            and not verify.deviation(self.documents, self.kernel)
            and running.has_objects(self.running, self.documents.policies)
        )
        return {
            'backend': service.UNIT,
            'version': '.'.join(map(str, self.service.version)),
            'active': self.service.active,
            'enforced': is_enforced,
            'state': self.text(),
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
        return not self.wanted.active or is_allowed(allowed_traffic(self.wanted), connection)

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
    switch = service.switch_on(state.service) if policy else service.switch_off(state.service)
    wanted, transition, steps = _target(state, build(policy, guard) if policy else None, switch)
    contents = config_files.render(wanted)
    changed: t.Dict[str, t.Optional[str]] = {
        path: text for path, text in contents.items() if state.files.get(path) != text
    }
    changed.update({path: None for path in state.files if path not in contents})
    before = report.Side(state.text(), display.rules(state.documents))
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


def _target(
    state: State, built: t.Optional[Documents], switch: Switch
) -> t.Tuple[Documents, str, t.Optional[hitless.Steps]]:
    """(the objects that BUILT becomes on this host, the transition to them, its steps if it is hitless)."""
    if built is None:
        has_objects = bool(state.running) or (state.kernel is not None and bool(state.kernel.sets))
        is_reload = state.kernel is not None and 'stop' not in switch.steps and has_objects
        return EMPTY, 'reload' if is_reload else 'none', None
    in_files = _fitted_to_files(state, built)
    if state.kernel is None:
        # what the files contain is what will be loaded
        return in_files or pool.fresh(built), 'none', None
    fitted = _fitted_to_kernel(state, built)
    steps = hitless.compute_steps(fitted, state.kernel.sets, state.running) if fitted else None
    if fitted is None or steps is None:
        return in_files or pool.fresh(built), 'reload', None
    return fitted, 'hitless' if steps.any else 'none', steps


def _fitted_to_files(state: State, built: Documents) -> t.Optional[Documents]:
    """BUILT with the sets of the configuration files, None if these are not those of this version, or too few."""
    documents = state.documents
    if not pool.is_in_use(documents):
        return None
    entries = {name: document.entries for name, document in documents.sets.items()}
    return pool.fitted(built, entries, documents.used_sets, pool.labels(documents))


def _fitted_to_kernel(state: State, built: Documents) -> t.Optional[Documents]:
    """BUILT with the objects of the running firewalld, None if these are not those that a hitless change needs."""
    in_kernel = state.kernel
    if in_kernel is None or in_kernel.faults or not running.has_objects(state.running, SLOTS):
        return None
    if not pool.is_in_use(state.documents) or in_kernel.sets.keys() != state.documents.sets.keys():
        return None
    # what another program did to the kernel is unknown to firewalld, which can only load everything again
    if running.has_rules(state.running, state.documents) and verify.deviation(state.documents, in_kernel):
        return None
    if set(in_kernel.active) != {name for name, policy in state.running.items() if policy.active}:
        return None
    return pool.fitted(built, in_kernel.sets, running.used_sets(state.running), pool.labels(state.documents))
