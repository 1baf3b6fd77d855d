# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back end firewalld: complete files of our own objects and one reload, or no reload at all where objects only change their content."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ..._base import files
from ..._base.commands import run
from ..._base.errors import BackendError
from ..._host import management
from ..._model import report
from ..._model.policy import Policy, Rule
from . import bus, display, docker, foreign, hitless, kernel, planning, service, verify, xml
from .documents import build, reach_of
from .planning import Changes, State


class Firewalld:
    """Converges the policies portmatrix-in and portmatrix-out and their sets; touches nothing else."""

    name = 'firewalld'
    installed = staticmethod(service.installed)
    active = staticmethod(service.active)
    locked = staticmethod(contextlib.nullcontext)
    plan = staticmethod(planning.plan)
    watch = staticmethod(tuple)
    stop_command = 'systemctl disable --now firewalld'
    lockout_advice = stock_openings = ''
    _others: t.Optional[foreign.Snapshot] = None
    _isolation: t.Optional[t.Dict[str, t.List[str]]] = None

    def observe(self) -> State:
        """Read files, service and kernel. Changes nothing."""
        observed = service.observe()
        found = {path: files.read(path) or '' for path in _our_files()}
        running = kernel.read() if observed.active else None
        return State(
            observed,
            found,
            xml.parse(found),
            running,
            foreign.priorities() if observed.active else {},
            foreign.zones() if observed.active else foreign.Zones(),
        )

    def render(self, policy: Policy, guard: t.Iterable[Rule]) -> t.Dict[str, str]:
        """Path -> content of the files that enforce POLICY. Pure: needs no host."""
        return xml.files(build(policy, guard))

    def admits(self, changes: Changes, connection: management.Connection) -> bool:
        """Whether a new connection like CONNECTION passes once CHANGES are in force."""
        # without a policy of ours, firewalld's zones decide, which are as they were before us
        return not changes.wanted.policies or management.admitted(reach_of(changes.wanted), connection)

    @staticmethod
    def present() -> bool:
        """Whether anything of ours is in firewalld's files."""
        return any(True for _path in _our_files()) or os.path.exists(service.MEMORY)

    def settled(self, watched: t.Iterable[int]) -> bool:
        """Nobody writes files of ours but firewalld itself, which we tell to."""
        return True

    def snapshot(self, state: State, changes: Changes) -> t.Dict[str, t.Any]:
        """What `restore` needs to go back to STATE, as plain data."""
        if changes.runtime == 'reload' and state.service.active:
            # a reload takes away what others put into the running firewalld only, and who put it back may be dead by then
            self._others = foreign.snapshot(state.service.version >= service.KEEPS_IPTABLES)
        self._isolation = docker.isolation()
        return {
            'files': state.files,
            'active': state.service.active,
            'enabled': state.service.enabled,
            'switched_on': list(state.service.switched_on),
            'others': self._others.plain() if self._others else None,
            'isolation': self._isolation,
        }

    def outcome(self, changes: Changes) -> t.Dict[str, t.Any]:
        """What `persist` needs to keep CHANGES, as plain data."""
        return {
            'files': changes.files,
            'wanted': xml.files(changes.wanted),
            'steps': list(changes.steps),
            'remember': list(changes.remember),
        }

    def apply(self, state: State, changes: Changes) -> str:
        """Bring CHANGES into force and prove them in the kernel; returns how the runtime got there. The files are as before when this returns: firewalld
        reads them at a start and a reload only."""
        runtime = changes.runtime
        if runtime == 'hitless' and not _taken(changes):
            runtime = 'reload'
        if runtime == 'reload' or {'start', 'stop'} & set(changes.steps):
            with docker.kept(self._isolation or {}):
                self._change(state, changes, runtime)
        return runtime

    def _change(self, state: State, changes: Changes, runtime: str) -> None:
        """By way of the files, which are as before when this returns."""
        start = 'start' in changes.steps
        if runtime == 'reload' or start:
            try:
                files.put(changes.files)
                if start:
                    run(['firewall-offline-cmd', '--check-config'])
                    service.take(['start'])
                else:
                    self._reload(state.service)
                verify.wait_for(changes.wanted)
            finally:
                files.put({path: state.files.get(path) for path in changes.files})
        if 'stop' in changes.steps:
            service.take(['stop'])

    def deviates(self, before: t.Dict[str, t.Any], after: t.Dict[str, t.Any]) -> t.Optional[str]:
        """What somebody else changed since `apply`, or None."""
        if {path: files.read(path) or '' for path in _our_files()} != before['files']:
            return 'somebody changed our files in /etc/firewalld meanwhile'
        stopped = 'stop' in after['steps'] or not (before['active'] or 'start' in after['steps'])
        found = None if stopped else verify.deviation(xml.parse(after['wanted']), kernel.read())
        return f'somebody changed the running firewalld meanwhile: {found}' if found else None

    def lets_in(self, after: t.Dict[str, t.Any], connection: management.Connection) -> bool:
        """Whether a new connection like CONNECTION passes now that AFTER is in force."""
        policies = xml.parse(after['wanted'])
        return not policies.policies or management.admitted(reach_of(policies), connection)

    def persist(self, after: t.Dict[str, t.Any], boot: bool = False) -> None:
        """Keep what was applied, so that the host starts with it. Safe to repeat; BOOT: it starts right now."""
        files.put(after['files'])
        service.remember(after['remember'])
        service.take([step for step in after['steps'] if step in ('enable', 'disable')])
        if boot and 'enable' in after['steps']:
            service.start_later()

    def restore(
        self, before: t.Dict[str, t.Any], after: t.Dict[str, t.Any], boot: bool = False, applied: bool = False
    ) -> None:
        """Go back to what `snapshot` saw. Safe to repeat; BOOT: firewalld will start and read the files. APPLIED: what others have in the runtime is theirs,
        and stays; otherwise a reload may have taken it away, and they get back what they had."""
        files.put({path: before['files'].get(path) for path in {*before['files'], *_our_files(), *after['files']}})
        service.remember(before['switched_on'])
        if boot:
            service.bring(before['active'], before['enabled'], boot)
            return
        with docker.kept(before['isolation']):
            service.bring(before['active'], before['enabled'])
            if before['active']:
                self._follow_files(before, applied)

    def _follow_files(self, before: t.Dict[str, t.Any], applied: bool) -> None:
        if before['others'] and not applied:
            self._others = foreign.Snapshot.of(before['others'])
        documents = xml.parse(before['files'])
        observed = service.observe()
        if bus.get('state') != 'RUNNING' or verify.deviation(documents, kernel.read()):
            self._reload(observed)
            verify.wait_for(documents)

    def _reload(self, observed: service.Service) -> None:
        # a second reload in one run (the way back) must not take the losses of the first for the state of the host
        if self._others is None:
            self._others = foreign.snapshot(observed.version >= service.KEEPS_IPTABLES)
        bus.reload()
        foreign.put_back(self._others)

    def gathered(self, state: State) -> t.Dict[str, t.Any]:
        """What of ours is there, in words and as data."""
        in_force = (
            state.kernel is not None
            and bool(state.documents.policies)
            and not verify.deviation(state.documents, state.kernel)
        )
        return {
            'backend': self.name,
            'version': '.'.join(map(str, state.service.version)),
            'active': state.service.active,
            'enforced': in_force,
            'state': display.state(state.service.text(), state.documents, state.kernel),
            'rules': report.data(display.rules(state.documents)),
        }


def _our_files() -> t.Iterator[str]:
    for folder in xml.FOLDERS.values():
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        yield from (os.path.join(folder, name) for name in names if xml.is_ours(name))


def _taken(changes: Changes) -> bool:
    """Whether the steps without a reload led to what is wanted."""
    try:
        hitless.take(t.cast(hitless.Steps, changes.hitless))
    except BackendError:
        return False
    return not verify.deviation(changes.wanted, kernel.read())
