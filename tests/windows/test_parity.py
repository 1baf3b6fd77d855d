"""The same result on every platform: keys, documentation and words."""

from __future__ import annotations

import re

import csharp
import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.action.policy import RESULT_KEYS
from ansible_collections.portmatrix.firewall.plugins.module_utils._converge import request as linux, run
from ansible_collections.portmatrix.firewall.plugins.modules import policy as documentation
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.platforms import registry
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.windows import answers, messages, sentences
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.host_variables import HostVariables

RETURNS = yaml.safe_load(documentation.RETURN)
FACTS = {
    **dict.fromkeys(
        ('came', 'went', 'limited', 'enabled', 'disabled', 'came_back', 'fixed', 'unreadable', 'rules'), []
    ),
    'changed': True,
    'digest': '',
    'addresses': ['192.0.2.1'],
    'profiles_before': {'1': [True, True, False, False, False]},
    'profiles_after': {'1': [True, True, True, False, False]},
    'pending': True,
    'version': '10.0.20348.0',
    'active': True,
    'enforced': False,
}


class Changes:
    """What _result needs of the changes of a back end."""

    has_changes, diff, warnings = True, {}, ()
    counts = {'added': 0, 'removed': 0, 'kept': 0}


class Backend:
    name = 'ufw'


def test_a_change_has_the_same_keys():
    on_linux = {*run._result(Backend, None, Changes, 'hitless', []), *linux.UNCHANGED, 'pending'}
    assert set(answers.change(FACTS, None, 't')) == on_linux
    assert on_linux <= RESULT_KEYS


def test_gathered_has_the_documented_keys():
    assert set(answers.gathered(FACTS)['gathered']) == set(RETURNS['gathered']['contains'])


def test_a_firewall_that_is_stopped_is_gathered_as_nothing():
    platform = registry.choose(HostVariables('h', {'portmatrix_platform': 'windows'}), 'auto')
    answer = {'answer': {'refused': 'service_stopped', 'details': {}}}
    assert platform.read_result(answer, {'state': 'gathered'}) == {'changed': False, 'gathered': None}


def test_a_refusal_has_the_keys_of_linux():
    platform = registry.choose(HostVariables('h', {'portmatrix_platform': 'windows'}), 'auto')
    answer = {'answer': {'refused': 'not_administrator', 'details': {}}}
    result = platform.read_result(answer, {'state': 'enforced'})
    assert set(result) == {'failed', 'changed', 'rolled_back', 'msg'} and result['rolled_back'] is False
    assert result['msg'].endswith('; nothing was changed')


SOURCE = '\n'.join(path.read_text() for path in csharp.SOURCES.rglob('*.cs'))
REFUSED = set(re.findall(r'new Refusal\(\s*"(\w+)"', SOURCE)) | set(re.findall(r'"(policy_\w+|shields_up)"', SOURCE))
OTHERS = set(re.findall(r'CreateOutcome\([\w.]*oken, [\w.]+,\s*"(\w+)"', SOURCE)) | set(
    re.findall(r'RollBack\("(\w+)"\)', SOURCE)
)


@pytest.mark.parametrize('code', sorted(REFUSED | OTHERS))
def test_every_code_of_the_host_has_a_sentence(code):
    assert code in sentences.REFUSALS or code in sentences.REASONS or code in messages._FAILURES


def test_every_sentence_is_needed():
    said = {*sentences.REFUSALS, *sentences.REASONS} - {''}
    assert [code for code in said if f'"{code}"' not in SOURCE] == []
