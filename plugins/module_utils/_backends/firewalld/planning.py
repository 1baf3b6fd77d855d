# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a host with firewalld, and how the running firewall gets there."""

from __future__ import annotations

import typing as t

from ..._base.errors import Refused
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
    trial,
    unmanaged_rules,
    verify,
)
from .documents import EMPTY, Documents, allowed_traffic, build
from .kernel import Kernel
from .running import Running
from .service import Service, Switch
from .slots import SLOTS


class State(t.NamedTuple):
    """The service, the managed files (path -> text), the kernel (None if firewalld does not run), and what portmatrix
    does not manage; `unfinished`: rules of others that a reload dropped were not restored; `closed`: a rollback failed
    and has closed the host except for management."""

    service: Service
    files: t.Dict[str, str]
    documents: Documents
    kernel: t.Optional[Kernel]
    running: Running
    unmanaged: unmanaged_rules.Unmanaged
    unfinished: bool
    closed: bool

    def plan(self, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
        return plan(self, policy, guard)

    def text(self) -> t.List[str]:
        """Lines about everything but the rules."""
        lines = display.state(self.service.text(), self.documents, self.kernel)
        if self.kernel is not None and not running.has_objects(self.running, self.documents.policies):
            lines.append('drift: the running policies have other settings than their configuration files')
        if self.unfinished:
            lines.append('drift: what other programs had only in the running firewalld was not restored after a reload')
        if self.closed:
            lines.append('drift: a rollback failed, so all ingress but management access is denied')
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
        is_incomplete = self.state.unfinished or self.state.closed
        return bool(self.files or self.switch.steps or self.transition != 'none' or is_incomplete)

    def would_allow(self, connection: Connection) -> bool:
        # without a portmatrix policy, firewalld's zones decide, which are as they were before
        return not self.wanted.active or is_allowed(allowed_traffic(self.wanted), connection)

    def snapshot(self) -> PlainData:
        observed = self.state.service
        return {
            'files': self.state.files,
            'active': observed.active,
            'enabled': observed.enablement,
            'switched_on': list(observed.switched_on),
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
    warnings = (*unmanaged_rules.warnings(state.unmanaged, policy), *(service.warnings() if policy else ()))
    if transition == 'reload' or 'start' in switch.steps:
        warnings += _try_out(state.service, changed)
    if transition != 'none':
        service.require_changeable(state.service)
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
        warnings,
    )


def _try_out(observed: Service, changed: t.Mapping[str, t.Optional[str]]) -> t.Tuple[str, ...]:
    """Raise Refused if firewalld could not load its files with those CHANGED; returns a warning if that is unknown."""
    try:
        problem = trial.problem(observed, changed)
    except trial.CannotTell as error:
        return (f'whether firewalld can load its configuration files could not be tried out on this host: {error}',)
    if problem:
        raise Refused(
            f'firewalld cannot load its configuration files: {problem}; nothing was changed, since a reload would fail '
            'and could leave all ports open. Correct that and run again'
        )
    return ()


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
        # with FlushAllOnReload=no, empty sets without a file may exist until firewalld restarts
        has_objects = bool(state.running) or (state.kernel is not None and any(state.kernel.sets.values()))
        is_reload = state.kernel is not None and 'stop' not in switch.steps and (has_objects or state.closed)
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
    if not pool.is_in_use(state.documents) or not in_kernel.sets.keys() >= state.documents.sets.keys():
        return None
    # what another program did to the kernel is unknown to firewalld, which can only load everything again
    if running.has_rules(state.running, state.documents) and verify.deviation(state.documents, in_kernel):
        return None
    if set(in_kernel.active) != {name for name, policy in state.running.items() if policy.active}:
        return None
    loaded = {name: in_kernel.sets[name] for name in state.documents.sets}
    return pool.fitted(built, loaded, running.used_sets(state.running), pool.labels(state.documents))
