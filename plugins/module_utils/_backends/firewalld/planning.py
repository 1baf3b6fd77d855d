# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a host with firewalld, and how the running firewall gets there."""

from __future__ import annotations

import typing as t

from ..._base.errors import Refused
from ..._kernel import flows, neighbours, questions
from ..._kernel.reader import Kernel as WholeKernel
from ..._model import report
from ..._model.openings import everything
from ..._model.peers import ANY, Peers
from ..._model.policy import Policy, Rule
from ..base import PlainData
from . import (
    conditions,
    config_files,
    display,
    guard as guards,
    others,
    running,
    service,
    targets,
    trial,
    unmanaged_rules,
    verify,
)
from .changes import Changes
from .documents import Documents, build
from .kernel import Kernel
from .running import Running
from .service import Service, Switch


class State(t.NamedTuple):
    """The service, the managed files (path -> text), the kernel (None if firewalld does not run), and what portmatrix
    does not manage; `unfinished`: rules of others that a reload dropped were not restored; `closed`: a rollback failed
    and has closed the host except for management; `whole`: everything in the kernel."""

    service: Service
    files: t.Dict[str, str]
    documents: Documents
    kernel: t.Optional[Kernel]
    running: Running
    unmanaged: unmanaged_rules.Unmanaged
    unfinished: bool
    closed: bool
    whole: WholeKernel

    def plan(self, policy: t.Optional[Policy], guard: t.Iterable[Rule]) -> Changes:
        return plan(self, policy, guard)

    def admitted_sources(self, port: int) -> t.Optional[Peers]:
        ours = guards.sources(self.documents, port)
        if ours is not None or self.kernel is None:
            return ANY if ours is None else ours
        return questions.admitted_sources(self.whole, port, exactly=True)

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
    warnings = conditions.warnings() if policy else ()
    orders_before: others.Orders = state.kernel.orders() if state.kernel else {}
    orders, doubts = _orders_after(state, orders_before, changed, switch, transition)
    priorities = state.unmanaged.priorities
    was = others.effect(orders_before, wanted, priorities)
    effect = others.effect(orders, wanted, priorities)
    open_before, open_after = was.open(state.documents), effect.open(wanted)
    if policy and not state.service.active:
        open_before = (everything('firewalld is stopped'),)
    others_alone = state.whole.without_table('inet', service.UNIT)
    documented = flows.documented(policy, guard, others_alone.surroundings) if policy else []
    partly = neighbours.require_passing(others_alone, documented)
    before = report.Side([*state.text(), *was.lines(state.documents)], display.rules(state.documents))
    lines = display.state(_service_after(state.service, switch).text(), wanted, None)
    after = report.Side([*lines, *effect.lines(wanted)], display.rules(wanted))
    return Changes(
        state,
        wanted,
        changed,
        switch,
        transition,
        steps,
        orders,
        others_alone,
        report.diff(before, after, service.UNIT),
        report.counts(before.rules, after.rules),
        (*unmanaged_rules.warnings(state.unmanaged, policy, effect), *warnings, *doubts, *partly),
        closing=tuple(opening for opening in open_before if opening not in open_after),
        staying=open_after,
    )


def _orders_after(
    state: State, now: others.Orders, changed: t.Mapping[str, t.Optional[str]], switch: Switch, transition: str
) -> t.Tuple[others.Orders, t.Tuple[str, ...]]:
    """(what others decide after the change, NOW before it; warnings). Raises Refused if it cannot be carried out."""
    doubts: t.Tuple[str, ...] = ()
    if transition == 'reload' or {'start', 'stop'} & set(switch.steps):
        conditions.require_restorable(state.service)
    if transition == 'reload' or 'start' in switch.steps:
        tried, doubts = _try_out(state.service, changed)
        now = others.after_reload(now, tried.orders() if tried else {})
    if transition != 'none':
        conditions.require_changeable(state.service)
    return now, doubts


def _try_out(
    observed: Service, changed: t.Mapping[str, t.Optional[str]]
) -> t.Tuple[t.Optional[Kernel], t.Tuple[str, ...]]:
    """(the kernel that firewalld makes of its files with those CHANGED, a warning if that is unknown).

    Raises Refused if it could not load them.
    """
    try:
        result = trial.load(observed, changed)
    except trial.CannotTell as error:
        return None, (
            'whether firewalld can load its configuration files, and what else they allow, could not be tried out on '
            f'this host: {error}',
        )
    if result.problem:
        raise Refused(
            f'firewalld cannot load its configuration files: {result.problem}; nothing was changed, since a reload '
            'would fail and could leave all ports open. Correct that and run again'
        )
    return result.kernel, ()


def _service_after(observed: Service, switch: Switch) -> Service:
    enablement = observed.enablement
    if 'enable' in switch.steps:
        enablement = 'enabled'
    elif 'disable' in switch.steps:
        enablement = 'disabled'
    active = (observed.active or 'start' in switch.steps) and 'stop' not in switch.steps
    return observed._replace(active=active, enablement=enablement, switched_on=switch.switched_on)
