"""A module that ended without a result: the host is asked what became of its change, and the run says it."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action import failed_module
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.platforms.linux import Linux
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.host_variables import HostVariables

KILLED = {'failed': True, 'msg': 'Module result deserialization failed.', 'module_stderr': 'Killed', 'rc': 137}
WANTED = {'state': 'enforced', 'confirm_timeout': 1, 'token': 'mine'}


class Host:
    """A host that gives these ANSWERS, the last one for ever; None: it is not reached."""

    def __init__(self, *answers):
        self.answers, self.connections = list(answers), 0

    def reconnect(self):
        self.connections += 1
        if self.answers[0] is None:
            self.answers = self.answers[1:] or self.answers
            raise AnsibleConnectionFailure('no route to host')

    def execute_command(self, command):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return {'stdout': answer}


def outcome(token, result, reason=''):
    return json.dumps({'token': token, 'outcome': result, 'reason': reason}) + '\n\nnone\n'


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(failed_module, '_PAUSE', 0.01)
    monkeypatch.setattr(failed_module, 'PATIENCE', 0.2)


@pytest.mark.parametrize(
    ('answers', 'rolled_back', 'text'),
    [
        (['\npending\n', outcome('mine', 'rolled back', 'not in time')], True, 'former rules back: not in time'),
        ([None, None, outcome('mine', 'rolled back', 'not in time')], True, 'former rules back: not in time'),
        ([outcome('mine', 'confirmed')], False, 'the change was kept'),
        # the outcome of an earlier change says nothing about this one
        ([outcome('another', 'confirmed')], True, 'it had not changed anything'),
        (['\nnone\n'], True, 'it had not changed anything'),
        ([outcome('mine', 'error', 'a broken file')], None, 'the host reports: a broken file; check it now'),
        (['\npending\n'], None, 'is unknown; check the host'),
        ([None], None, 'is unknown; check the host'),
        (['sh: not found'], None, 'is unknown; check the host'),
    ],
)
def test_the_host_says_how_its_change_ended(answers, rolled_back, text):
    host = Host(*answers)
    result = failed_module.explain(host, Linux(HostVariables('h', {})), dict(KILLED), WANTED)
    assert result['rolled_back'] is rolled_back and text in result['msg']
    assert result['failed'] and result['changed'] is (rolled_back is False)
    assert 'the module ended without a result on the host (exit code 137: Killed)' in result['msg']
    assert host.connections


@pytest.mark.parametrize(
    ('answers', 'expected', 'text'),
    [
        (['\npending\n', outcome('mine', 'rolled back', 'not in time')], {'rolled_back': True}, 'former rules back'),
        (['\nnone\n'], {'rolled_back': True}, 'it had not changed anything'),
        ([outcome('mine', 'confirmed')], {'rolled_back': False, 'changed': True}, 'the change was kept'),
        ([None], {'unreachable': True}, 'a change that had begun is rolled back by the host within 1 s'),
    ],
)
def test_a_lost_connection(answers, expected, text):
    platform = Linux(HostVariables('h', {}))
    result = failed_module.explain_lost(Host(*answers), platform, 'no route to host', WANTED)
    assert {key: result.get(key) for key in expected} == expected and text in result['msg'], result
    assert 'no route to host' in result['msg'] and result.get('failed', False) is ('unreachable' not in expected)


def test_a_change_without_a_window_has_no_name_to_ask_for():
    host = Host('\nnone\n')
    result = failed_module.explain(host, Linux(HostVariables('h', {})), dict(KILLED), {'state': 'enforced'})
    assert result['rolled_back'] is None and not host.connections
