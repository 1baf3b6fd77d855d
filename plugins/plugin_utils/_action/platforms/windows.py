# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows hosts, over WinRM, PSRP or SSH."""

from __future__ import annotations

import typing as t

from ....module_utils._model import policy as policies
from ....module_utils._rollback.outcomes import CONFIRMED, ERROR, UNKNOWN
from ..._base.ansible_core import RemoteHost
from ..._inventory import connection, declared_addresses
from ..._inventory.host_variables import HostVariables
from ..windows import answers, messages, program, script, wire
from ..windows.wire import Transport
from .base import Answer, ChangeState

SSH_PORT, WINRM_PORT, WINRM_HTTP_PORT = 22, 5986, 5985  # if none is set
_RELEASED, _NO_RECORD, _STOPPED = 'released', 'no_record', 'service_stopped'  # codes of the host


class WindowsChannel:
    """Runs the program that lies on the host while a change is pending, and reads how it ended after that."""

    def __init__(self, host: RemoteHost, transport: Transport, pending: dict[str, str]) -> None:
        self._host, self._transport, self._pending = host, transport, pending

    def confirm(self) -> Answer:
        request = wire.request('confirmed', self._transport, token=self._pending['token'])
        result = self._host.execute_module(Windows.module, _arguments('confirmed', request))
        outcome = _outcome(result, self._pending['token'])
        if outcome is None:
            return None, _problem(result)
        # after a release nothing is left on the host, not even a record of it
        is_released = self._pending['state'] == 'absent' and outcome['code'] == _RELEASED
        return {**outcome, 'outcome': CONFIRMED} if is_released else outcome, ''

    def outcome(self) -> Answer:
        return self.confirm()


class Windows:
    """Windows Firewall."""

    name: t.ClassVar[str] = 'windows'
    title: t.ClassVar[str] = 'Windows'
    module: t.ClassVar[str] = 'portmatrix.firewall.windows_policy'
    connections: t.ClassVar[tuple[str, ...]] = ('winrm', 'psrp', 'ssh', 'paramiko', 'paramiko_ssh')
    backends: t.ClassVar[tuple[str, ...]] = ('auto', name)

    def __init__(self, variables: HostVariables) -> None:
        self._variables = variables

    @property
    def port(self) -> int:
        """As the inventory says; a connection knows better."""
        uses_ssh = str(self._variables.get('ansible_connection')).endswith('ssh')
        return connection.port(self._variables, SSH_PORT if uses_ssh else WINRM_PORT)

    def prepare(self, host: RemoteHost) -> None:
        """`become: true` for all hosts of a play means sudo, which Windows does not have: there the user who connects
        is an administrator. runas stays."""
        host.drop_become(unless='runas')

    def module_arguments(self, host: RemoteHost, wanted: dict[str, t.Any]) -> dict[str, t.Any]:
        request = wire.request(
            wanted['state'],
            transport(host),
            policy=policies.parse(wanted['policy']) if 'policy' in wanted else None,
            check=host.check_mode,
            confirm_timeout=wanted.get('confirm_timeout', 0),
            confirm_connections=wanted.get('confirm_connections', False),
            token=wanted.get('token', ''),
        )
        keep = bool(wanted.get('confirm_timeout')) and not host.check_mode
        return {**_arguments(wanted['state'], request), 'source': wire.packed(program.text()), 'keep': keep}

    def read_result(self, result: dict[str, t.Any], wanted: dict[str, t.Any]) -> dict[str, t.Any]:
        """The facts that the host answers with, in the words of Linux."""
        answer = result.pop('answer', None)
        if not isinstance(answer, dict):
            return result
        if wanted['state'] == 'gathered' and answer.get('refused') == _STOPPED:
            return {'changed': False, 'gathered': None}
        if 'facts' not in answer:
            text, rolled_back = messages.refusal(answer['refused'], answer['details'])
            return {'failed': True, 'changed': False, 'rolled_back': rolled_back, 'msg': text}
        if wanted['state'] == 'gathered':
            return answers.gathered(answer['facts'])
        policy = policies.parse(wanted['policy']) if 'policy' in wanted else None
        return answers.change(answer['facts'], policy, wanted.get('token', ''))

    def render(
        self, backend: str, document: str, warnings: t.Sequence[str], products: t.Sequence[str]
    ) -> dict[str, t.Any]:
        """One PowerShell script."""
        policy = policies.parse(document)
        addresses = declared_addresses.read_addresses(self._variables)
        plain = tuple(address.partition('/')[0] for address in addresses.cidrs)
        host = script.Host(self._variables.host, plain, tuple(products))
        content = script.render(policy, [self.port, *policy.management_ports], host, warnings)
        rendered = [{'path': script.PATH, 'content': content}]
        return {'backend': self.name, 'digest': policy.digest, 'rendered': rendered}

    def change_state(self, host: RemoteHost, token: str) -> ChangeState | None:
        result = host.execute_module(self.module, {'state': 'outcome'})
        if 'pending' not in result:
            return None
        outcome = _outcome(result, token)
        is_known = outcome is not None and outcome['outcome'] != UNKNOWN
        return ChangeState(outcome if is_known else None, bool(result['pending']))

    def open_channel(self, host: RemoteHost, pending: dict[str, str]) -> WindowsChannel:
        return WindowsChannel(host, transport(host), pending)


def transport(host: RemoteHost) -> Transport:
    """How the connection plugin of HOST reaches it."""
    port = host.connection_option('port')
    if host.connection_name not in ('winrm', 'psrp'):
        return Transport(int(port or SSH_PORT), 'ssh')
    is_http = host.connection_option('protocol') == 'http' or host.connection_option('scheme') == 'http'
    return Transport(int(port or (WINRM_HTTP_PORT if is_http else WINRM_PORT)), 'winrm')


def _arguments(state: str, request: str) -> dict[str, t.Any]:
    return {'state': state, 'request': wire.packed(request), 'sha256': wire.checksum(request)}


def _problem(result: dict[str, t.Any]) -> str:
    """Why RESULT has no outcome."""
    answer = result.get('answer')
    if isinstance(answer, dict) and 'refused' in answer:
        return messages.refusal(answer['refused'], answer['details'])[0]
    return str(result.get('msg') or result.get('module_stderr') or 'no answer')


def _outcome(result: dict[str, t.Any], token: str) -> dict[str, t.Any] | None:
    """How the change TOKEN ended as the host reports in RESULT, its reason in words; None if it reports nothing."""
    answer = result.get('answer')
    facts = answer.get('facts') if isinstance(answer, dict) else None
    if not isinstance(facts, dict) or facts.get('token') != token:
        if 'managed' not in result:
            return None
        code = _NO_RECORD if result['managed'] else _RELEASED
        facts = {'token': token, 'outcome': UNKNOWN, 'reason': code, 'details': {}}
    # a state that was not restored wholly is none that may be called so
    outcome = ERROR if messages.not_found(facts['details']) else facts['outcome']
    return {
        'token': facts['token'],
        'outcome': outcome,
        'code': facts['reason'],
        'reason': messages.reason(facts['reason'], facts['details']),
        'settled': True,
    }
