# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows hosts, over WinRM, PSRP or SSH."""

from __future__ import annotations

import typing as t

from ....module_utils._model import policy as policies
from ..._base.ansible_core import RemoteHost
from ..._inventory.host_variables import HostVariables
from ..windows import rollback_program, script
from .base import Answer, ChangeState

SSH_PORT, WINRM_PORT = 22, 5986  # if ansible_port is not set


class WindowsChannel:
    """Asks the module itself, which also reports the outcome of a change that is no longer pending."""

    def __init__(self, host: RemoteHost, pending: dict[str, str]) -> None:
        self._host, self._token = host, pending['token']

    def confirm(self) -> Answer:
        result = self._host.execute_module(Windows.module, {'state': 'confirmed', 'token': self._token})
        if 'outcome' in result:
            return {**result, 'token': self._token}, ''
        return None, str(result.get('msg') or result.get('module_stderr') or 'no answer')

    def outcome(self) -> Answer:
        return self.confirm()


class Windows:
    """Windows Firewall."""

    name: t.ClassVar[str] = 'windows'
    title: t.ClassVar[str] = 'Windows'
    module: t.ClassVar[str] = 'portmatrix.firewall.windows_policy'
    names_changes: t.ClassVar[bool] = False
    connections: t.ClassVar[tuple[str, ...]] = ('winrm', 'psrp', 'ssh', 'paramiko', 'paramiko_ssh')
    backends: t.ClassVar[tuple[str, ...]] = ('auto', name)
    logs_denied: t.ClassVar[bool] = False

    def __init__(self, variables: HostVariables) -> None:
        self._variables = variables

    @property
    def port(self) -> int:
        uses_ssh = str(self._variables.get('ansible_connection')).endswith('ssh')
        return int(self._variables.get('ansible_port') or (SSH_PORT if uses_ssh else WINRM_PORT))

    def prepare(self, host: RemoteHost) -> None:
        """`become: true` for all hosts of a play means sudo, which Windows does not have: there the user who connects
        is an administrator. runas stays."""
        host.drop_become(unless='runas')

    def module_arguments(self, wanted: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
        """Without a back end; with the management port, and the program that restores the former rules."""
        arguments = {name: value for name, value in wanted.items() if name != 'backend'}
        if wanted['state'] == 'gathered':
            return arguments
        arguments['port'] = self.port
        needs_program = arguments['confirm_timeout'] and not check
        return {**arguments, 'program': rollback_program.text()} if needs_program else arguments

    def render(self, backend: str, document: str) -> dict[str, t.Any]:
        """One PowerShell script."""
        policy = policies.parse(document)
        content = script.render(policy, [self.port, *policy.management_ports])
        rendered = [{'path': script.PATH, 'content': content}]
        return {'backend': self.name, 'digest': policy.digest, 'rendered': rendered}

    def change_state(self, host: RemoteHost, token: str) -> ChangeState | None:
        return None

    def open_channel(self, host: RemoteHost, pending: dict[str, str]) -> WindowsChannel:
        return WindowsChannel(host, pending)
