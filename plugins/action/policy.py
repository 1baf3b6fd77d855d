# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan on the controller, converge on the target. Documented in plugins/modules/policy.py."""

from __future__ import annotations

import contextlib
import json
import typing as t

from ansible.errors import AnsibleConnectionFailure

from ..module_utils._base.errors import PortmatrixError
from ..plugin_utils._action import confirmation
from ..plugin_utils._action.base import PortmatrixAction
from ..plugin_utils._action.platforms import registry
from ..plugin_utils._inventory import inventory
from ..plugin_utils._policy.compiler import compile_policy

MOST_ATTEMPTS = 3
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

    def cleanup(self, force: bool = False) -> None:
        """A host that does not answer any more must not hide what the task has to say of it."""
        with contextlib.suppress(AnsibleConnectionFailure):
            super().cleanup(force)

    def perform(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        host = str(task_vars['inventory_hostname'])
        found = inventory.Inventory(task_vars, self._templar)

        def get(name: str, default: t.Any = None) -> t.Any:
            return found.resolve(task_vars, name, default)

        state = arguments['state']
        # the whole inventory is checked before anything of this host is looked at
        compiled = (
            compile_policy(self._task._uuid, task_vars, self._templar, arguments)
            if state in ('enforced', 'rendered')
            else None
        )
        backend = arguments['backend'] or inventory.choice(host, 'portmatrix_backend', inventory.BACKENDS, get)
        platform = registry.choose(host, inventory.platform(host, get), backend, get)
        seconds = inventory.seconds(host, arguments['confirm_timeout'], get)
        if state != 'rendered':
            registry.agree(host, platform, self._connection._shell)
        if compiled is None:
            wanted = {'state': state, 'backend': backend, **({'confirm_timeout': seconds} if state == 'absent' else {})}
            return self._execute(platform, wanted, task_vars)
        for warning in compiled.warnings:
            self._display.warning(f'{host}: {warning}')
        if compiled.document is None:
            return self._without_components(state, platform, backend, task_vars)
        document = json.dumps(compiled.document)
        if state == 'rendered':
            return {'changed': False, **platform.render(backend, document)}
        confirmed = {
            'confirm_timeout': seconds,
            'confirm_flows': inventory.truth(host, 'portmatrix_confirm_flows', get),
        }
        return self._execute(platform, {'state': state, 'backend': backend, 'policy': document, **confirmed}, task_vars)

    def _without_components(
        self, state: str, platform: t.Any, backend: str, task_vars: dict[str, t.Any]
    ) -> dict[str, t.Any]:
        """A host without a part in any product is left alone; one that still carries our rules is not left with them in silence."""
        if state == 'enforced':
            outcome = self._execute(platform, {'state': 'gathered', 'backend': backend}, task_vars)
            if outcome.get('failed') or outcome.get('unreachable'):
                return outcome
            if (outcome.get('gathered') or {}).get('rules'):
                raise PortmatrixError(
                    'this host plays no component any more but still has rules of ours; declare its components (portmatrix_components or a group '
                    '<product>_<component>), or give it back with the playbook portmatrix.firewall.release'
                )
        return {'changed': False, 'skipped': True, 'skip_reason': 'the host plays no component'}

    def _execute(self, platform: t.Any, wanted: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run the module of PLATFORM, and confirm what it changed. Where somebody else wrote over it meanwhile, it is put in again."""
        first: dict[str, t.Any] = {}
        platform.prepare(self._connection)
        arguments = platform.arguments(wanted, self._task.check_mode)
        for _attempt in range(MOST_ATTEMPTS):
            outcome = self._execute_module(platform.MODULE, arguments, task_vars=task_vars)
            # the module's arguments hold the whole policy, which no result is to carry
            outcome.pop('invocation', None)
            _name_the_host(outcome, str(task_vars['inventory_hostname']))
            outcome = confirmation.finish(
                self,
                lambda pending: platform.Channel(self, task_vars, pending),
                outcome,
                wanted.get('confirm_timeout', 0),
            )
            first = first or outcome
            if outcome.get('failed') or outcome.get('unreachable'):
                return outcome
            if outcome.pop('settled', True):
                break
        first.pop('settled', None)
        return first


def _name_the_host(outcome: dict[str, t.Any], host: str) -> None:
    """Ansible shows a warning once, whichever hosts have it, and without their names."""
    texts = [str(getattr(getattr(warning, 'event', None), 'msg', warning)) for warning in outcome.get('warnings', ())]
    if texts:
        outcome['warnings'] = [text if text.startswith(f'{host}: ') else f'{host}: {text}' for text in texts]
