# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan on the controller, converge on the target. Documented in plugins/modules/policy.py."""

from __future__ import annotations

import json
import typing as t

from ..module_utils import backends, policy
from ..module_utils.errors import PortmatrixError
from ..plugin_utils import confirmation, inventory
from ..plugin_utils.action import PortmatrixAction
from ..plugin_utils.host_policy import compile_policy

MOST_ATTEMPTS = 3
# The module that does a platform's work. A new platform is a line here.
MODULES = {'linux': 'portmatrix.firewall.linux_policy'}
ARGUMENTS = dict(
    state=dict(type='str', choices=['enforced', 'absent', 'rendered', 'gathered'], default='enforced'),
    backend=dict(type='str', choices=list(inventory.BACKENDS)),
    components=dict(type='list', elements='str'),
    egress=dict(type='str', choices=list(inventory.EGRESS)),
    confirm_timeout=dict(type='int'),
)


class ActionModule(PortmatrixAction):
    """portmatrix.firewall.policy"""

    ARGUMENTS = ARGUMENTS

    def perform(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        host = str(task_vars['inventory_hostname'])
        found = inventory.Inventory(task_vars, self._templar)

        def get(name: str, default: t.Any = None) -> t.Any:
            return found.resolve(task_vars, name, default)

        state = arguments['state']
        # the whole inventory is checked before anything of this host is looked at
        compiled = compile_policy(self._task._uuid, task_vars, self._templar, arguments) if state in ('enforced', 'rendered') else None
        platform = inventory.platform(host, get)
        backend = arguments['backend'] or inventory.choice(host, 'portmatrix_backend', inventory.BACKENDS, get)
        seconds = inventory.seconds(host, arguments['confirm_timeout'], get)
        if compiled is None:
            wanted = {'state': state, 'backend': backend, **({'confirm_timeout': seconds} if state == 'absent' else {})}
            return self._execute(platform, wanted, task_vars) if platform in MODULES else _untouched(platform)
        for warning in compiled.warnings:
            self._display.warning(f'{host}: {warning}')
        if compiled.document is None:
            return self._without_components(state, platform, backend, task_vars)
        if platform not in MODULES:
            raise PortmatrixError(f"{host}: its platform is {platform}, for which there is no back end here; leave it out with --limit 'all:!{host}'")
        document = json.dumps(compiled.document)
        if state == 'rendered':
            return {'changed': False, **_render(backend, document, int(get('ansible_port') or 22))}
        confirmed = {'confirm_timeout': seconds, 'confirm_flows': inventory.truth(host, 'portmatrix_confirm_flows', get)}
        return self._execute(platform, {'state': state, 'backend': backend, 'policy': document, **confirmed}, task_vars)

    def _without_components(self, state: str, platform: str, backend: str, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """A host without a part in any product is left alone; one that still carries our rules is not left with them in silence."""
        if state == 'enforced' and platform in MODULES:
            outcome = self._execute(platform, {'state': 'gathered', 'backend': backend}, task_vars)
            if outcome.get('failed') or outcome.get('unreachable'):
                return outcome
            if (outcome.get('gathered') or {}).get('rules'):
                raise PortmatrixError(
                    'this host plays no component any more but still has rules of ours; declare its components (portmatrix_components or a group '
                    '<product>_<component>), or give it back with the playbook portmatrix.firewall.release'
                )
        return {'changed': False, 'skipped': True, 'skip_reason': 'the host plays no component'}

    def _execute(self, platform: str, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run the module of PLATFORM, and confirm what it changed. Where somebody else wrote over it meanwhile, it is put in again."""
        first: dict[str, t.Any] = {}
        for _attempt in range(MOST_ATTEMPTS):
            outcome = self._execute_module(MODULES[platform], arguments, task_vars=task_vars)
            # the module's arguments hold the whole policy, which no result is to carry
            outcome.pop('invocation', None)
            outcome = confirmation.finish(self, outcome, arguments.get('confirm_timeout', 0))
            first = first or outcome
            if outcome.get('failed') or outcome.get('unreachable'):
                return outcome
            if outcome.pop('settled', True):
                break
        first.pop('settled', None)
        return first


def _untouched(platform: str) -> dict[str, t.Any]:
    return {'changed': False, 'skipped': True, 'skip_reason': f'there is no back end for {platform} here, so nothing of ours can be on the host'}


def _render(backend: str, document: str, port: int) -> dict[str, t.Any]:
    name = backends.DEFAULT if backend == 'auto' else backend
    parsed = policy.parse(document)
    files = backends.choose(name).render(parsed, policy.guard(parsed, [port]))
    return {'backend': name, 'digest': parsed.digest, 'rendered': [{'path': path, 'content': content} for path, content in sorted(files.items())]}
