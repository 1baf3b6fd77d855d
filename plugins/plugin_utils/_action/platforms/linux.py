# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux hosts."""

from __future__ import annotations

import contextlib
import json
import typing as t

from ....module_utils._backends import registry
from ....module_utils._base.memory import HOME
from ....module_utils._model import policy as policies
from ....module_utils._rollback.outcomes import OUTCOME
from ..._base.ansible_core import RemoteHost
from ..._inventory import connection
from ..._inventory.host_variables import HostVariables
from .base import Answer, ChangeState


class LinuxChannel:
    """Asks the program that the module left on the host, and reads the file with the outcome."""

    def __init__(self, host: RemoteHost, pending: dict[str, str]) -> None:
        self._host, self._pending = host, pending

    def confirm(self) -> Answer:
        return self._run(f'{self._pending["command"]} confirm {self._pending["token"]}')

    def outcome(self) -> Answer:
        return self._run(f'cat {self._pending["outcome"]}')

    def _run(self, command: str) -> Answer:
        result = self._host.execute_command(command)
        # anything else than JSON (a message of the shell, nothing at all) is the reason why there is no answer
        with contextlib.suppress(ValueError):
            return json.loads(result['stdout'].strip().rpartition('\n')[2]), ''
        return None, result['stderr'] or result['stdout'] or f'exit code {result["rc"]}'


class Linux:
    """firewalld and ufw."""

    name: t.ClassVar[str] = 'linux'
    title: t.ClassVar[str] = 'Linux'
    module: t.ClassVar[str] = 'portmatrix.firewall.linux_policy'
    connections: t.ClassVar[tuple[str, ...]] = ('ssh', 'paramiko', 'paramiko_ssh', 'libssh', 'mitogen_ssh')
    backends: t.ClassVar[tuple[str, ...]] = ('auto', *registry.BACKENDS)

    def __init__(self, variables: HostVariables) -> None:
        self._variables = variables

    @property
    def port(self) -> int:
        return connection.port(self._variables)

    def prepare(self, host: RemoteHost) -> None:
        pass

    def module_arguments(self, host: RemoteHost, wanted: dict[str, t.Any]) -> dict[str, t.Any]:
        return wanted

    def read_result(self, result: dict[str, t.Any], wanted: dict[str, t.Any]) -> dict[str, t.Any]:
        return result

    def render(
        self, backend: str, document: str, warnings: t.Sequence[str], products: t.Sequence[str]
    ) -> dict[str, t.Any]:
        """The files that the host would get."""
        name = registry.DEFAULT if backend == 'auto' else backend
        policy = policies.parse(document)
        files = registry.create(name).render(policy, policies.guard(policy, [self.port, *policy.management_ports]))
        rendered = [{'path': path, 'content': content} for path, content in sorted(files.items())]
        return {'backend': name, 'digest': policy.digest, 'rendered': rendered}

    def change_state(self, host: RemoteHost, token: str) -> ChangeState | None:
        script = f'cat {OUTCOME} 2>/dev/null; echo; if [ -e {HOME}/pending ]; then echo pending; else echo none; fi'
        text, _newline, state = host.execute_command(script)['stdout'].strip().rpartition('\n')
        if state not in ('pending', 'none'):
            return None
        with contextlib.suppress(ValueError):
            outcome = json.loads(text)
            if outcome.get('token') == token:
                return ChangeState(outcome, is_pending=False)
        return ChangeState(None, state == 'pending')

    def open_channel(self, host: RemoteHost, pending: dict[str, str]) -> LinuxChannel:
        return LinuxChannel(host, pending)
