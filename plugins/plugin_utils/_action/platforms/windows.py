# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows hosts, over WinRM, PSRP or SSH."""

from __future__ import annotations

import typing as t

from ....module_utils._model import policy
from ..windows import rollback_program, script

_SSH, _WINRM = 22, 5986  # where ansible_port says nothing


class Channel:
    """How a host is asked about a change that waits: by the module itself, which tells the outcome of one that does not wait any more."""

    def __init__(self, action: t.Any, task_vars: dict[str, t.Any], pending: dict[str, str]):
        self.action, self.task_vars, self.pending = action, task_vars, pending

    def confirm(self) -> tuple[dict[str, t.Any] | None, str]:
        arguments = {'state': 'confirmed', 'token': self.pending['token']}
        result = self.action._execute_module(Windows.MODULE, arguments, task_vars=self.task_vars)
        if 'outcome' in result:
            return {**result, 'token': self.pending['token']}, ''
        return None, str(result.get('msg') or result.get('module_stderr') or 'no answer')

    outcome = confirm


class Windows:
    """Windows Firewall."""

    name, title = 'windows', 'Windows'
    MODULE = 'portmatrix.firewall.windows_policy'
    BACKENDS = ('auto', name)
    Channel = Channel

    def __init__(self, get: t.Callable[..., t.Any]):
        self.get = get

    def prepare(self, connection: t.Any) -> None:
        """`become: true` in a playbook for all hosts means sudo, which Windows has not: there the user who connects is the administrator. runas stays."""
        if connection.become and connection.become.name.rpartition('.')[2] != 'runas':
            connection.set_become_plugin(None)

    def arguments(self, wanted: dict[str, t.Any], check: bool) -> dict[str, t.Any]:
        """Without the choice of a back end; with the port that we come in by, and the program that brings the former rules back."""
        arguments = {name: value for name, value in wanted.items() if name != 'backend'}
        if wanted['state'] == 'gathered':
            return arguments
        arguments['port'] = self._port()
        return (
            {**arguments, 'program': rollback_program.text()}
            if arguments['confirm_timeout'] and not check
            else arguments
        )

    def render(self, _backend: str, document: str) -> dict[str, t.Any]:
        """One PowerShell script."""
        parsed = policy.parse(document)
        content = script.render(parsed, [self._port(), *parsed.management_ports])
        return {'backend': self.name, 'digest': parsed.digest, 'rendered': [{'path': script.PATH, 'content': content}]}

    def _port(self) -> int:
        return int(
            self.get('ansible_port') or (_SSH if str(self.get('ansible_connection')).endswith('ssh') else _WINRM)
        )
