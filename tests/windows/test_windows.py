"""The shipped C#, run by mono with a store that behaves as badly as Windows can, and with COM objects in C.

PORTMATRIX_WINDOWS_HOSTS: number of random hosts.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from xml.etree import ElementTree

import csharp
import netaddr
import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import PortmatrixError
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies, protocols, report
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.windows import rollback_program, rules

CASES = csharp.HERE / 'cases'
SPELLINGS = yaml.safe_load((CASES / 'spellings.yml').read_text())
SCENARIOS = yaml.safe_load((CASES / 'scenarios.yml').read_text())
HOSTS = int(os.environ.get('PORTMATRIX_WINDOWS_HOSTS', '60'))
POLICIES = 120


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
    """The same text as Rule.ToCanonicalText in Rules.cs."""
    ports, inbound = ','.join(rule.ports) or '*', rule.direction == 'ingress'
    peers = '*' if rule.peers is ANY else ','.join(rule.peers.addresses)
    return ' | '.join(
        (
            rule.name,
            rule.description,
            'in' if inbound else 'out',
            'allow',
            f'protocol={protocols.NUMBERS[rule.protocol]}',
            f'local={ports if inbound else "*"} at *',
            f'remote={"*" if inbound else ports} at {peers}',
            'profiles=7',
            'types=*',
            'interfaces=all',
            'program=',
            'service=',
            'edge=0',
            'security=0',
            'on',
        )
    )


def build_atomic_rules(rule: rules.Rule):
    flows = tuple(rule.description.removeprefix('Flows: ').split('. Source: ')[0].split(', '))
    for port in rule.ports or ('',):
        for peer in (ANY,) if rule.peers is ANY else rule.peers.addresses:
            yield report.AtomicRule(rule.direction, rule.protocol, port, peer, flows)


def test_host_and_controller_build_the_same_rules(driver):
    chance = random.Random(2)
    documents = [csharp.create_random_policy(chance) for _number in range(POLICIES)]
    # more addresses than Windows accepts in one rule
    many = [f'10.{number // 250}.{number % 250}.1/32' for number in range(2500)]
    rule = {'direction': 'ingress', 'protocol': 'udp', 'ports': ['53'], 'group': 'many', 'flows': ['product/flow-0']}
    documents.append({**documents[0], 'groups': {'many': many}, 'rules': [rule]})
    refused = 0
    for document, answer in zip(documents, driver.run('policies', [json.dumps(document) for document in documents])):
        policy = policies.parse(json.dumps(document))
        try:
            wanted = rules.build(policy, [5986, 22])
        except PortmatrixError as error:
            refused += 1
            assert answer['error'] == str(error)
            continue
        assert answer['digest'] == policy.digest
        assert answer['rules'] == [format_canonical(rule) for rule in wanted]
        assert answer['display'] == [
            line.text()
            for line in report.ordered(
                report.display_rules(atomic for rule in wanted for atomic in build_atomic_rules(rule))
            )
        ]
    assert 0 < refused < POLICIES / 2


def test_random_hosts_through_all_phases(driver):
    """A second run and check mode change nothing, check mode predicts the change, an error is rolled back.

    Management is allowed after every operation, and so is what a change allows at both of its ends.
    """
    counts = driver.run('fuzz', 1, HOSTS)
    assert counts.pop('failures') == []
    assert counts.pop('lockouts') == 0 and counts.pop('cuts') == 0
    assert all(count > HOSTS / 10 for count in counts.values()), counts


@pytest.mark.parametrize('name', SCENARIOS)
def test_scenarios(driver, name):
    scenario = SCENARIOS[name]
    answers = driver.run(
        'scenario',
        {
            'host': scenario['host'],
            'steps': [{key: value for key, value in step.items() if key != 'expect'} for step in scenario['steps']],
        },
    )
    for number, (step, answer) in enumerate(zip(scenario['steps'], answers)):
        flat = json.dumps(answer)
        for key, wanted in step.get('expect', {}).items():
            where = f'{name}, step {number}, {key}: {flat}'
            if key in ('error', 'warnings', 'before', 'after', 'host', 'answer', 'operations'):
                text = answer.get(key, '')
                text = (
                    text if isinstance(text, str) else '\n'.join(text) if isinstance(text, list) else json.dumps(text)
                )
                for line in [wanted] if isinstance(wanted, str) else wanted:
                    absent = line.startswith('not ')
                    assert (line.removeprefix('not ') in text) is not absent, where
            elif key == 'count':
                assert len(answer['operations']) == wanted, where
            else:
                assert answer.get('result', {}).get(key) == wanted, where
        if 'error' not in step.get('expect', {}):
            assert 'error' not in answer, f'{name}, step {number}: {flat}'


def test_a_thousand_rules_are_planned_and_applied(driver):
    assert set(driver.run('time', 1000)) == {
        f'{verb} {what}' for verb in ('plan', 'apply') for what in ('first', 'again', 'others')
    }


def test_the_timer_is_a_system_task_with_a_time_and_a_boot_trigger(driver):
    timer = driver.run('timer')
    opened = ['connect', 'folder \\']
    deleted = [*opened, 'delete portmatrix-rollback 0']
    assert timer['calls'] == [*opened, 'register portmatrix-rollback 6 SYSTEM no password 5', *deleted, *deleted]
    names = {'t': 'http://schemas.microsoft.com/windows/2004/02/mit/task'}
    task = ElementTree.fromstring(timer['xml'])
    assert [element.tag.partition('}')[2] for element in task.find('t:Triggers', names)] == [
        'TimeTrigger',
        'BootTrigger',
    ]
    assert task.findtext('t:Triggers/t:TimeTrigger/t:StartBoundary', '', names) == '2026-01-02T00:00:20Z'
    assert task.findtext('t:Principals/t:Principal/t:UserId', '', names) == 'S-1-5-18'
    assert task.findtext('t:Settings/t:RestartOnFailure/t:Count', '', names) == '30'
    program = "(Get-ItemProperty -LiteralPath 'HKLM:\\SOFTWARE\\portmatrix\\firewall').Program"
    assert task.findtext('t:Actions/t:Exec/t:Arguments', '', names).endswith(
        f'-Command "& ([ScriptBlock]::Create({program})) -Token the-token"'
    )


@pytest.mark.parametrize(
    ('connection', 'own'),
    [
        ('', None),
        ('198.51.100.1 50001 198.51.100.9 2222', '198.51.100.1 2222 50001'),
        ('::ffff:198.51.100.1 50001 ::ffff:198.51.100.9 22', '198.51.100.1 22 50001'),
        ('fe80::1%4 50001 fe80::9%4 22', 'fe80::1 22 50001'),
        ('127.0.0.1 50001 127.0.0.1 22', None),
        ('198.51.100.9 50001 198.51.100.9 22', None),
    ],
)
def test_the_host_itself(driver, tmp_path, monkeypatch, connection, own):
    monkeypatch.setenv('MONO_REGISTRY_PATH', str(tmp_path))
    monkeypatch.setenv('SSH_CONNECTION', connection)
    host = driver.run('host')
    assert host.pop('second run').startswith(
        'another run of portmatrix.firewall has held the lock of this host for 1 s'
    )
    assert host == {
        'own': own,
        'listens': True,
        'loopback': False,
        'missing value': None,
        'stored': True,
        'deleted value': None,
        'ended': [True, True],
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
    """The timer runs one text for Add-Type."""
    text = rollback_program.text()
    source = text.partition("@'\n")[2].partition("\n'@")[0]
    (tmp_path / 'program.cs').write_text(source)
    csharp.run_command(
        *csharp.COMPILER, '-target:library', f'-out:{tmp_path / "program.dll"}', str(tmp_path / 'program.cs')
    )


def test_the_sources_use_nothing_that_net_framework_4_6_2_lacks(tmp_path):
    references = ('-noconfig', '-nostdlib', f'-lib:{csharp.NET462}', '-r:mscorlib.dll', '-r:System.dll')
    sources = map(str, sorted(csharp.SOURCES.glob('*.cs')))
    csharp.run_command(*csharp.COMPILER, *references, '-target:library', f'-out:{tmp_path / "core.dll"}', *sources)


def test_mono_is_installed():
    assert shutil.which('mcs') and shutil.which('mono'), (
        'run bash tests/setup.sh as root, or install mono-mcs, mono-runtime and gcc'
    )
