# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back end firewalld: its objects are made once, by complete configuration files and one reload; after that only their
content changes, without a reload."""

from __future__ import annotations

import contextlib
import typing as t

from ..._base import files, systemd
from ..._base.errors import BackendError
from ..._kernel import questions, reader
from ..._model.connection import Connection
from ..._model.policy import Policy, Rule
from ..base import PlainData
from . import (
    applying,
    closing,
    config_files,
    docker,
    kernel,
    pool,
    reloads,
    running,
    service,
    unmanaged_rules,
    verify,
)
from .documents import Documents, build
from .planning import State


class Firewalld:
    """Manages the policies and sets whose names begin with "portmatrix-", and nothing else."""

    name: t.ClassVar[str] = service.UNIT
    stop_command: t.ClassVar[str] = 'systemctl disable --now firewalld'
    lockout_advice: t.ClassVar[str] = ''
    default_openings: t.ClassVar[str] = (
        'firewalld: the zone public, the default, allows SSH (TCP 22), DHCPv6 (UDP 546) and pings from anywhere'
    )

    @staticmethod
    def is_installed() -> bool:
        return service.is_installed()

    @staticmethod
    def is_active() -> bool:
        return service.is_active()

    @staticmethod
    def is_running() -> bool:
        return systemd.is_active(service.UNIT)

    @staticmethod
    def has_rules() -> bool:
        return any(True for _path in config_files.managed_paths())

    def lock(self) -> t.ContextManager[None]:
        return contextlib.nullcontext()  # firewalld handles one D-Bus call after the other

    def observe(self) -> State:
        observed = service.observe()
        contents = config_files.read_all()
        if not contents:
            # somebody has removed everything of ours, so what was before it is past
            observed = observed._replace(switched_on=())
        documents = config_files.parse(contents)
        closed = closing.is_closed()
        if not observed.active:
            nothing = unmanaged_rules.Unmanaged()
            return State(observed, contents, documents, None, {}, nothing, False, closed, reader.read())
        policies = running.read_settings()
        unmanaged, managed = unmanaged_rules.read(policies), running.managed(policies)
        unfinished = reloads.is_unfinished()
        return State(
            observed, contents, documents, kernel.read(), managed, unmanaged, unfinished, closed, reader.read()
        )

    def render(self, policy: Policy, guard: t.Iterable[Rule]) -> t.Dict[str, str]:
        return config_files.render(pool.fresh(build(policy, guard)))

    def external_change(self, snapshot: PlainData, desired: PlainData) -> t.Optional[str]:
        if config_files.read_all() != snapshot['files']:
            return 'another program changed the portmatrix files in /etc/firewalld while the change was pending'
        is_stopped = 'stop' in desired['steps'] or not (snapshot['active'] or 'start' in desired['steps'])
        if is_stopped:
            return None
        problem = verify.full_deviation(config_files.parse(desired['wanted']))
        return (
            f'another program changed the running firewalld while the change was pending: {problem}'
            if problem
            else None
        )

    def allowed_before(self, snapshot: PlainData, connections: t.Sequence[Connection]) -> t.List[Connection]:
        return questions.not_denied(reader.read(), connections)

    def allowed_now(self, desired: PlainData, connections: t.Sequence[Connection]) -> t.List[Connection]:
        return questions.not_denied(reader.read(), connections)

    def persist(self, desired: PlainData, *, boot: bool = False) -> None:
        files.write_all(desired['files'])
        if not boot and systemd.is_active(service.UNIT):
            applying.empty_idle_sets()
        service.save_switched_on(desired['switched_on'])
        service.execute([step for step in desired['steps'] if step in ('enable', 'disable')])
        if boot and 'enable' in desired['steps']:
            systemd.start_during_boot(service.UNIT)

    def restore(self, snapshot: PlainData, desired: PlainData, *, boot: bool = False) -> None:
        paths = {*snapshot['files'], *config_files.managed_paths(), *desired['files']}
        files.write_all({path: snapshot['files'].get(path) for path in paths})
        service.save_switched_on(snapshot['switched_on'])
        if boot:
            service.restore(snapshot['active'], snapshot['enabled'], boot=True)
            return
        with docker.preserving_isolation(snapshot['isolation']):
            service.restore(snapshot['active'], snapshot['enabled'], boot=False)
            if snapshot['active']:
                self._restore_running(config_files.parse(snapshot['files']), config_files.parse(desired['wanted']))
        if config_files.read_all() != snapshot['files']:
            # for example `firewall-cmd --runtime-to-permanent`, which stores the change that is being rolled back
            raise BackendError('another program has changed the portmatrix files in /etc/firewalld meanwhile')

    @staticmethod
    def _restore_running(former: Documents, wanted: Documents) -> None:
        try:
            applying.restore_running(former)
        except BackendError as error:
            if not closing.close_unless_restored(former, wanted):
                raise
            raise BackendError(
                f'{error}; until a run or a rollback succeeds, all ingress but management access is denied (nft list '
                f'table inet {closing.TABLE})'
            ) from error

    def concurrent_runs(self) -> t.List[int]:
        return []  # only firewalld itself writes its files

    def wait_until_stable(self, runs: t.Iterable[int]) -> bool:
        return True
