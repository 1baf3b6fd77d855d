"""The shipped C#, run by mono with a host that behaves as badly as Windows can, and with COM objects in C.

PORTMATRIX_WINDOWS_HOSTS: number of random hosts.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import typing as t
from xml.etree import ElementTree

import csharp
import netaddr
import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import PortmatrixError
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies, protocols
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.windows import (
    answers,
    messages,
    program,
    rules,
    wire,
)

CASES = csharp.HERE / 'cases'
SPELLINGS = yaml.safe_load((CASES / 'spellings.yml').read_text())
SCENARIOS = yaml.safe_load((CASES / 'scenarios.yml').read_text())
HOSTS = int(os.environ.get('PORTMATRIX_WINDOWS_HOSTS', '60'))
POLICIES = 120
TRANSPORT = wire.Transport(5985, 'winrm')


@pytest.fixture(scope='module')
def driver(tmp_path_factory) -> csharp.Driver:
    return csharp.Driver(tmp_path_factory.mktemp('driver'))


@pytest.mark.parametrize('what', SPELLINGS)
def test_a_set_has_one_canonical_text(driver, what):
    spellings = SPELLINGS[what]
    assert dict(zip(spellings, driver.run(what, list(spellings)))) == spellings


def test_addresses_are_merged_as_on_the_controller(driver):
    chance = random.Random(1)
    lists = [
        [f'{csharp.create_random_peers(chance, 1)[0]}' for _number in range(chance.randrange(1, 30))]
        for _list in range(200)
    ]
    wanted = [','.join(map(str, netaddr.cidr_merge(cidrs))) for cidrs in lists]
    assert driver.run('addresses', [','.join(cidrs) for cidrs in lists]) == wanted


def format_canonical(rule: rules.Rule) -> str:
    """The same text as Rule.GetManagedText in Rule.cs."""
    ports, inbound = ','.join(rule.ports) or '*', rule.direction == 'ingress'
    peers = '*' if rule.peers is ANY else ','.join(rule.peers.addresses)
    return ' | '.join(
        (
            rule.name,
            rule.description,
            'in' if inbound else 'out',
            'allow',
            f'protocol={protocols.NUMBERS[rule.protocol]}',
            f'local={ports if inbound else "*"}',
            f'remote={"*" if inbound else ports} at {peers}',
            'edge=0',
            'on',
        )
    )


def request(document: dict) -> str:
    return wire.request('enforced', TRANSPORT, policy=policies.parse(json.dumps(document)))


def test_the_host_understands_the_rules_as_the_controller_made_them(driver):
    chance = random.Random(2)
    documents = [csharp.create_random_policy(chance) for _number in range(POLICIES)]
    # more addresses than Windows accepts in one rule, every address, and more flows than fit in a description
    many = [f'10.{number // 250}.{number % 250}.1/32' for number in range(2500)]
    rule = {'direction': 'ingress', 'protocol': 'udp', 'ports': ['53'], 'group': 'many', 'flows': ['product/flow-0']}
    documents.append({**documents[0], 'groups': {'many': many}, 'rules': [rule]})
    documents.append({**documents[0], 'groups': {'many': ['0.0.0.0/0', '::/0']}, 'rules': [rule]})
    flows = [f'product/{"x" * 40}-{number}' for number in range(300)]
    documents.append({**documents[0], 'groups': {}, 'rules': [{**rule, 'group': None, 'flows': flows}]})
    wanted, requests = [], []
    for document in documents:
        try:
            wanted.append(rules.build(policies.parse(json.dumps(document))))
        except PortmatrixError:
            continue
        requests.append(request(document))
    assert POLICIES / 2 < len(wanted) < len(documents)
    assert driver.run('rules', requests) == [[format_canonical(rule) for rule in made] for made in wanted]
    names = [rule.name for rule in wanted[-3]]
    assert len(names) == len(set(names)) == 3 and wanted[-2][0].peers is ANY and len(wanted[-1]) > 2
    # the flows are read again from the descriptions
    shown = [flow for line in answers.display(wanted[-1]) for flow in line.flows]
    assert sorted(shown) == sorted(flows)


def test_a_damaged_request_is_refused_or_means_the_same(driver):
    """Not one that was cut or changed is taken for another policy."""
    chance = random.Random(3)
    text = request(csharp.create_random_policy(random.Random(5)))
    damaged = [text[: chance.randrange(len(text))] for _number in range(200)]
    for _number in range(800):
        position = chance.randrange(len(text))
        damaged.append(text[:position] + chance.choice('"[]{},:0127az-/|*') + text[position + 1 :])
    valid = driver.run('rules', [text])[0]
    for answer in driver.run('rules', damaged):
        # the checksum comes first; without it a digit may be another address, but never more of them
        assert isinstance(answer, str) or len(answer) == len(valid)


def test_random_hosts_through_all_phases(driver):
    """A second run and check mode change nothing, check mode predicts the change, an error is rolled back.

    Management is allowed after every operation, and so is what a change allows at both of its ends.
    """
    counts = driver.run('fuzz', 1, HOSTS)
    assert counts.pop('failures') == []
    assert counts.pop('lockouts') == 0 and counts.pop('cuts') == 0
    assert all(count > HOSTS / 10 for count in counts.values()), counts


STATES = ('state', 'policy', 'check', 'confirm', 'port', 'transport', 'token', 'replace', 'expect')


def build_step(step: dict) -> dict:
    """A step for Scenarios.cs: its `state` with all that belongs to it becomes a request, by the shipped code."""
    built = {key: value for key, value in step.items() if key not in STATES}
    if 'state' not in step:
        return built
    policy = policies.parse(json.dumps(step['policy'])) if step['state'] == 'enforced' else None
    text = wire.request(
        step['state'],
        wire.Transport(step.get('port', 5985), step.get('transport', 'winrm')),
        policy=policy,
        check=step.get('check', False),
        confirm_timeout=step.get('confirm', 0),
        confirm_connections=built.pop('connections', False) is True,
        token=step.get('token', 't'),
    )
    for old, new in step.get('replace', {}).items():
        assert old in text
        text = text.replace(old, new)
    return {**built, 'request': text}


def read_answer(step: dict, answer: dict) -> dict:
    """ANSWER with what an operator sees."""
    if 'refused' in answer:
        text, rolled_back = messages.refusal(answer['refused'], answer['details'])
        return {**answer, 'error': text, 'rolled_back': rolled_back}
    facts = answer.get('facts')
    if facts is None:
        return answer
    if step['state'] == 'confirmed':
        return {**answer, **facts, 'reason': messages.reason(facts['reason'], facts['details'])}
    if step['state'] == 'gathered':
        return {**answer, **answers.gathered(facts)}
    policy = policies.parse(json.dumps(step['policy'])) if step['state'] == 'enforced' else None
    result = answers.change(facts, policy, 't')
    return {**answer, **result, **result['diff']}


@pytest.mark.parametrize('name', SCENARIOS)
def test_scenarios(driver, name):
    scenario = SCENARIOS[name]
    data = {'host': scenario['host'], 'steps': [build_step(step) for step in scenario['steps']]}
    for number, (step, raw) in enumerate(zip(scenario['steps'], driver.run('scenario', data))):
        answer, where = read_answer(step, raw), f'{name}, step {number}'
        for key, wanted in step.get('expect', {}).items():
            check_expectation(answer, key, wanted, where)
        if 'error' not in step.get('expect', {}):
            assert 'error' not in answer, f'{where}: {answer}'


def check_expectation(answer: dict, key: str, wanted: t.Any, where: str) -> None:
    if key in ('error', 'warnings', 'before', 'after', 'host', 'reason', 'files'):
        text = answer.get(key, '')
        text = text if isinstance(text, str) else '\n'.join(text)
        for line in [wanted] if isinstance(wanted, str) else wanted:
            absent = line.startswith('not ')
            assert (line.removeprefix('not ') in text) is not absent, f'{where}, {key}: {line!r}\n{text}\n{answer}'
    elif key == 'count':
        assert len(answer['operations']) == wanted, f'{where}: {answer["operations"]}'
    elif key == 'gathered':
        assert {name: answer['gathered'][name] for name in wanted} == wanted, where
    else:
        assert answer.get(key) == wanted, f'{where}, {key}: {answer}'


def test_a_thousand_rules_are_planned_and_applied(driver):
    assert set(driver.run('time', 1000, 1, 100)) == {
        f'{verb} {what}' for verb in ('plan', 'apply') for what in ('first', 'again', 'others')
    }


def test_the_task_repeats_as_system_until_it_is_removed(driver):
    task = driver.run('task')
    opened = ['connect', 'folder \\']
    deleted = [*opened, 'delete portmatrix-rollback 0']
    registered = [*opened, 'register portmatrix-rollback 6 SYSTEM no password 5']
    assert task['calls'] == [*registered, *opened, 'task portmatrix-rollback', 'run', *deleted, *deleted]
    names = {'t': 'http://schemas.microsoft.com/windows/2004/02/mit/task'}
    definition = ElementTree.fromstring(task['xml'])
    triggers = definition.find('t:Triggers', names)
    assert [trigger.tag.partition('}')[2] for trigger in triggers] == ['TimeTrigger', 'BootTrigger']
    assert [trigger.findtext('t:Repetition/t:Interval', '', names) for trigger in triggers] == ['PT1M', 'PT1M']
    assert triggers.findtext('t:TimeTrigger/t:StartBoundary', '', names) == '2026-01-02T00:00:20Z'
    assert definition.findtext('t:Principals/t:Principal/t:UserId', '', names) == 'S-1-5-18'
    arguments = definition.findtext('t:Actions/t:Exec/t:Arguments', '', names)
    assert "$folder = 'C:\\O''Neil & <sons>'" in arguments and "RunTask('the-token')" in arguments
    assert 'Bypass' not in arguments and 'Encoded' not in arguments


@pytest.mark.parametrize(
    ('connection', 'own'),
    [
        ('', None),
        ('198.51.100.1 50001 198.51.100.9 2222', '198.51.100.1 2222 50001 198.51.100.9'),
        ('::ffff:198.51.100.1 50001 ::ffff:198.51.100.9 22', '198.51.100.1 22 50001 198.51.100.9'),
        ('fe80::1%4 50001 fe80::9%4 22', 'fe80::1 22 50001 fe80::9'),
        ('127.0.0.1 50001 127.0.0.1 22', None),
        ('198.51.100.9 50001 198.51.100.9 22', None),
        ('198.51.100.1 x 198.51.100.9 22', None),
    ],
)
def test_the_host_itself(driver, tmp_path, monkeypatch, connection, own):
    monkeypatch.setenv('SSH_CONNECTION', connection)
    assert driver.run('host', str(tmp_path)) == {
        'own': own,
        'listens': True,
        'loopback': False,
        'missing file': None,
        'stored': True,
        'claims': [True, False, 'first'],
        'deleted file': None,
        'second run': [False, True],
        'ended': [True, True],
        'alive': True,
    }


@pytest.fixture(scope='module')
def com(tmp_path_factory):
    """The answers of the adapter, from COM objects that are written in C."""
    folder = tmp_path_factory.mktemp('com')
    csharp.run_command(
        'gcc',
        '-Wall',
        '-Wextra',
        '-Werror',
        '-shared',
        '-fPIC',
        '-o',
        str(folder / 'libserver.so'),
        str(csharp.HERE / 'com' / 'server.c'),
    )
    csharp.compile_program(folder / 'com.exe', csharp.HERE / 'com' / 'ComDriver.cs')
    return json.loads(csharp.run_command('mono', 'com.exe', cwd=folder))


COM = yaml.safe_load((CASES / 'com.yml').read_text())


@pytest.mark.parametrize('what', COM)
def test_every_call_uses_the_slot_of_netfw_h(com, what):
    for key, wanted in COM[what].items():
        answer = com[what].get(key)
        assert wanted in answer if key == 'refused' else answer == wanted, com[what]


def test_every_call_of_the_adapter_is_tested(com):
    assert set(com) == set(COM)
    assert not any('unexpected' in call for answer in com.values() for call in answer['calls'])


def test_the_sources_compile_as_one_program(tmp_path):
    """One text for Add-Type, and nothing in it that .NET Framework 4.6.2 lacks."""
    (tmp_path / 'program.cs').write_text(program.text())
    references = ('-noconfig', '-nostdlib', f'-lib:{csharp.NET462}', '-r:mscorlib.dll', '-r:System.dll')
    csharp.run_command(
        *csharp.COMPILER, *references, '-target:library', f'-out:{tmp_path / "p.dll"}', str(tmp_path / 'program.cs')
    )


def test_mono_is_installed():
    assert shutil.which('mcs') and shutil.which('mono'), (
        'run bash tests/setup.sh as root, or install mono-mcs, mono-runtime and gcc'
    )
