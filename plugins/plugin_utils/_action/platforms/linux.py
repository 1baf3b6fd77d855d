# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux hosts."""

from __future__ import annotations

import contextlib
import json
import typing as t

from ....module_utils._backends import registry
from ....module_utils._model import policy


class Channel:
    """How a host is asked about a change that waits: the program that the module left there, and the file with the outcome."""

    def __init__(self, action: t.Any, _task_vars: dict[str, t.Any], pending: dict[str, str]):
        self.action, self.pending = action, pending

    def confirm(self) -> tuple[dict[str, t.Any] | None, str]:
        return self._run(f'{self.pending["command"]} confirm {self.pending["token"]}')

    def outcome(self) -> tuple[dict[str, t.Any] | None, str]:
        return self._run(f'cat {self.pending["outcome"]}')

    def _run(self, command: str) -> tuple[dict[str, t.Any] | None, str]:
        result = self.action._low_level_execute_command(command, sudoable=True)
        # whatever is no JSON (a shell's complaint, nothing at all) is the reason why there is no answer
        with contextlib.suppress(ValueError):
            return json.loads(result['stdout'].strip().rpartition('\n')[2]), ''
        return None, result['stderr'] or result['stdout'] or f'exit code {result["rc"]}'


class Linux:
    """firewalld and ufw."""

    name, title = 'linux', 'Linux'
    MODULE = 'portmatrix.firewall.linux_policy'
    BACKENDS = ('auto', *registry.BACKENDS)
    Channel = Channel

    def __init__(self, get: t.Callable[..., t.Any]):
        self.get = get

    def prepare(self, connection: t.Any) -> None:
        pass

    def arguments(self, wanted: dict[str, t.Any], _check: bool) -> dict[str, t.Any]:
        return wanted

    def render(self, backend: str, document: str) -> dict[str, t.Any]:
        """The files that the host would get."""
        name = registry.DEFAULT if backend == 'auto' else backend
        parsed = policy.parse(document)
        files = registry.choose(name).render(parsed, policy.guard(parsed, [int(self.get('ansible_port') or 22)]))
        return {
            'backend': name,
            'digest': parsed.digest,
            'rendered': [{'path': path, 'content': content} for path, content in sorted(files.items())],
        }
