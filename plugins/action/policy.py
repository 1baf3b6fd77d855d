# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan on the controller, converge on the target. Documented in plugins/modules/policy.py."""

from __future__ import annotations

import contextlib
import json
import secrets
import typing as t

from ansible.errors import AnsibleConnectionFailure

from ..module_utils._base.errors import PortmatrixError
from ..plugin_utils._action import confirmation, failed_module, seen_addresses
from ..plugin_utils._action.base import PortmatrixAction
from ..plugin_utils._action.platforms import registry
from ..plugin_utils._action.platforms.base import Platform
from ..plugin_utils._base.ansible_core import RemoteHost
from ..plugin_utils._catalog.model import products_of
from ..plugin_utils._inventory import settings
from ..plugin_utils._inventory.host_variables import PLAYBOOK_VARIABLES, HostVariables, Inventory
from ..plugin_utils._policy.compiler import HostPolicy, compile_policy

MAX_ATTEMPTS = 3
# Of what a host answers, only this is passed on: Ansible would also take facts for other hosts from it, and new hosts.
RESULT_KEYS = frozenset(
    [
        'added',
        'addresses',
        'backend',
        'changed',
        'diff',
        'digest',
        'exception',
        'failed',
        'gathered',
        'kept',
        'module_stderr',
        'module_stdout',
        'msg',
        'pending',
        'rc',
        'removed',
        'rolled_back',
        'settled',
        'transition',
        'unreachable',
        'warnings',
    ]
)
ARGUMENTS = dict(
    state=dict(type='str', choices=['enforced', 'absent', 'rendered', 'gathered'], default='enforced'),
    backend=dict(type='str', choices=list(settings.BACKENDS)),
    components=dict(type='list', elements='str'),
    egress=dict(type='str', choices=list(settings.EGRESS)),
    confirm_timeout=dict(type='int'),
)


class ActionModule(PortmatrixAction):
    """portmatrix.firewall.policy"""

    ARGUMENTS = ARGUMENTS
    # no connection is opened to a network device that is only a peer
    _requires_connection = False

    def cleanup(self, force: bool = False) -> None:
        """A host that does not answer any more must not replace the result of the task by a connection error."""
        with contextlib.suppress(AnsibleConnectionFailure):
            super().cleanup(force)

    def perform(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        inventory = Inventory(task_vars, self._templar, self._task)
        host = RemoteHost(self, task_vars)
        variables = inventory.task()
        inventory.refuse_facts_in(PLAYBOOK_VARIABLES)
        state = arguments['state']
        if not settings.read_managed(variables):
            return {
                'changed': False,
                'skipped': True,
                'skip_reason': 'portmatrix_managed is false: only a peer of others',
            }
        compiled = None
        if state in ('enforced', 'rendered'):
            # the whole inventory is checked before anything of this host is read
            compiled = compile_policy(host.task_id, inventory, arguments['components'] or [], arguments['egress'])
        backend = arguments['backend'] or settings.read_choice(variables, 'portmatrix_backend', settings.BACKENDS)
        platform = registry.choose(variables, backend)
        seconds = settings.read_confirm_timeout(variables, arguments['confirm_timeout'])
        if state != 'rendered':
            registry.require_host_itself(host)
            registry.require_same(platform, host)
        if state in ('enforced', 'absent'):
            registry.require_proof(platform, host, seconds)
        if compiled is None:
            wanted = {'state': state, 'backend': backend, **({'confirm_timeout': seconds} if state == 'absent' else {})}
            result = _execute(host, platform, wanted)
            result.pop('addresses', None)
            return result
        for message in compiled.messages:
            self._display.warning(message)
        return _enforce_or_render(host, platform, compiled, state, backend, seconds, variables)


def _enforce_or_render(
    host: RemoteHost,
    platform: Platform,
    compiled: HostPolicy,
    state: str,
    backend: str,
    seconds: int,
    variables: HostVariables,
) -> dict[str, t.Any]:
    if compiled.document is None:
        return _without_components(host, platform, state, backend)
    document = json.dumps(compiled.document)
    if state == 'rendered':
        products = products_of(compiled.components)
        rendered = platform.render(backend, document, compiled.warnings, products)
        return {'changed': False, 'components': list(compiled.components), 'products': products, **rendered}
    confirm_connections = settings.read_flag(variables, 'portmatrix_confirm_connections')
    confirming = {'confirm_timeout': seconds, 'confirm_connections': confirm_connections}
    result = _execute(host, platform, {'state': state, 'backend': backend, 'policy': document, **confirming})
    unseen = seen_addresses.warnings(host.name, compiled.addresses, result.pop('addresses', None))
    return {**result, 'warnings': [*result.get('warnings', ()), *unseen]} if unseen else result


def _without_components(host: RemoteHost, platform: Platform, state: str, backend: str) -> dict[str, t.Any]:
    """A host without a component is left alone; one that still has rules managed by portmatrix is an error."""
    if state == 'enforced':
        result = _execute(host, platform, {'state': 'gathered', 'backend': backend})
        if result.get('failed') or result.get('unreachable'):
            return result
        if (result.get('gathered') or {}).get('rules'):
            raise PortmatrixError(
                f'{host.name}: has no component any more, but still has rules managed by portmatrix; declare its '
                'components (portmatrix_components, or a group <product>_<component>), or remove the rules with the '
                'playbook portmatrix.firewall.release'
            )
    return {'changed': False, 'skipped': True, 'skip_reason': 'the host has no component'}


def _execute(host: RemoteHost, platform: Platform, wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    """Run the module of PLATFORM and confirm what it changed. If another program overwrote that, it is applied
    again."""
    first: dict[str, t.Any] = {}
    platform.prepare(host)
    if wanted.get('confirm_timeout'):
        wanted = {**wanted, 'token': secrets.token_hex(8)}
    changes_host = wanted['state'] != 'gathered' and not host.check_mode
    for _attempt in range(MAX_ATTEMPTS):
        try:
            result = _run_module(host, platform, wanted)
        except AnsibleConnectionFailure as error:
            if not changes_host:
                raise
            return failed_module.explain_lost(host, platform, str(error), wanted)
        if changes_host and result.get('failed') and 'rolled_back' not in result:
            return failed_module.explain(host, platform, result, wanted)
        _add_host_to_warnings(result, host.name)
        seconds = wanted.get('confirm_timeout', 0)
        result = confirmation.complete(host, lambda pending: platform.open_channel(host, pending), result, seconds)
        first = first or result
        if result.get('failed') or result.get('unreachable'):
            return result
        if result.pop('settled', True):
            break
    first.pop('settled', None)
    return first


def _run_module(host: RemoteHost, platform: Platform, wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    """What the module of PLATFORM returns. It is called again if the host has only begun to track the connection."""
    result: dict[str, t.Any] = {}
    arguments = platform.module_arguments(host, wanted)
    for _call in range(MAX_ATTEMPTS):
        result = platform.read_result(host.execute_module(platform.module, arguments), wanted)
        if not result.get('again'):
            break
    else:
        raise PortmatrixError(
            f'{host.name}: the host cannot track the connection of this run, since another program removes the table '
            'portmatrix-tracking; nothing was changed; end it, then run again'
        )
    return {key: value for key, value in result.items() if key in RESULT_KEYS}


def _add_host_to_warnings(result: dict[str, t.Any], host: str) -> None:
    """Ansible shows a warning once, whichever hosts have it, and without their names."""
    texts = [str(getattr(getattr(warning, 'event', None), 'msg', warning)) for warning in result.get('warnings', ())]
    if texts:
        result['warnings'] = [text if text.startswith(f'{host}: ') else f'{host}: {text}' for text in texts]
