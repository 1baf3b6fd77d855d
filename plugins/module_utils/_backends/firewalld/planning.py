# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a host with firewalld, and how the running firewall gets there."""

from __future__ import annotations

import typing as t

from ..._base.errors import Refused
from ..._model import report
from ..._model.connection import Connection, is_allowed
from ..._model.peers import ANY, Peers
from ..._model.policy import Policy, Rule
from ..base import PlainData
from . import (
    applying,
    conditions,
    config_files,
    display,
    docker,
    guard as guards,
    hitless,
    running,
    service,
    targets,
    trial,
    unmanaged_rules,
    verify,
    zones,
)
from .documents import Documents, allowed_traffic, build
from .kernel import Kernel
from .running import Running
from .service import Service, Switch


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

    def admitted_sources(self, port: int) -> t.Optional[Peers]:
        ours = guards.sources(self.documents, port)
        if ours is not None or self.kernel is None:
            return ANY if ours is None else ours
        return zones.admitted_sources(port, bool(self.unmanaged.priorities))

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
        conditions.require_usable(state.service)
    switch = service.switch_on(state.service) if policy else service.switch_off(state.service)
    if 'start' in switch.steps:
        conditions.require_startable()
    wanted, transition, steps = targets.compute(state, build(policy, guard) if policy else None, switch)
    contents = config_files.render(wanted)
    changed: t.Dict[str, t.Optional[str]] = {
        path: text for path, text in contents.items() if state.files.get(path) != text
    }
    changed.update({path: None for path in state.files if path not in contents})
    warnings = (*unmanaged_rules.warnings(state.unmanaged, policy), *(conditions.warnings() if policy else ()))
    if transition == 'reload' or 'start' in switch.steps:
        warnings += _try_out(state.service, changed)
    if transition != 'none':
        conditions.require_changeable(state.service)
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
