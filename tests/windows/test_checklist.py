"""The questions of checklist.ps1, asked of an imitation of COM (imitation/com.ps1): each of them gets as far as an
answer, and nothing is left behind. What the answers are, only a real Windows can tell."""

from __future__ import annotations

import shutil

import csharp
import powershell
import pytest
import yaml
from imitation import network

pytestmark = pytest.mark.skipif(not powershell.PROGRAM, reason=powershell.MISSING)
COM = csharp.HERE / 'imitation' / 'com.ps1'
CHECKLIST = csharp.HERE / 'checklist.ps1'


@pytest.fixture
def system_root(tmp_path, monkeypatch):
    folder = tmp_path / 'Windows'
    (folder / 'System32' / 'GroupPolicy' / 'Machine').mkdir(parents=True)
    monkeypatch.setenv('SystemRoot', str(folder))
    return folder


def ask(phase: str) -> dict[str, str]:
    """Question -> answer."""
    finished = powershell.run_command(f". '{COM}'; & '{CHECKLIST}' -Phase {phase}; exit $LASTEXITCODE")
    lines = [line.partition(': ') for line in finished.stdout.splitlines()]
    assert finished.returncode == 0 and all(separator for _question, separator, _answer in lines), finished.stdout
    assert lines[-1][2] == '0' and not [line for line in lines if line[2].startswith('not asked')], finished.stdout
    return {question: answer for question, _separator, answer in lines}


def test_rules():
    answers = ask('ask')
    assert answers['is ff02::12/128 accepted as a remote address (VRRP)'] == 'yes, read back as ff02::12/128'
    assert answers['is a description of 10000 characters accepted'] == 'yes, read back with 10000'
    assert answers['is a description of 10001 characters accepted'].startswith('refused by the rule, 0x')
    assert answers['rules of the checklist left'] == '0'


def test_group_policy(system_root):
    kept = system_root / 'System32' / 'GroupPolicy' / 'gpt.ini'
    kept.write_bytes(b'[General]')
    answers = ask('policy')
    assert answers['what happens when a rule of group policy is disabled over COM'] == 'no error; it returns False'
    assert answers['rules of the checklist left in group policy'] == '0'
    assert kept.read_bytes() == b'[General]'


def test_task(system_root):
    ask('arm')
    script = system_root / 'portmatrix-checklist.ps1'
    for _run in range(2):
        finished = powershell.run_command(f". '{COM}'; & ([scriptblock]::Create([IO.File]::ReadAllText('{script}')))")
        assert finished.returncode == 1, finished.stdout
    answers = ask('armed')
    assert answers['does a trigger with Repetition start a task again that ended with 1'].startswith('yes, it ran at ')
    assert answers['does SYSTEM compile C#'].startswith('compiled in ')
    assert answers['does SYSTEM read the names of rules as this user does'].startswith('yes; ')
    assert [path.name for path in system_root.iterdir()] == ['System32']


def test_the_playbook_puts_one_script_together(tmp_path):
    """Ansible copies one script only. On the imitated host no question can be asked, which is what each answer says."""
    shutil.copy(CHECKLIST, tmp_path)
    shutil.copytree(CHECKLIST.with_suffix(''), tmp_path / 'checklist')
    play = yaml.safe_load((csharp.HERE / 'checklist.yml').read_text(encoding='utf-8'))[0]
    names = [task['name'] for task in play['tasks']]
    play['tasks'] = play['tasks'][: names.index('Answers about rules')] + play['tasks'][-1:]
    (tmp_path / 'checklist.yml').write_text(yaml.safe_dump([play]), encoding='utf-8')
    hosts = network.Network(tmp_path, network.copy_collection(tmp_path / 'collections'))
    hosts.add('win', {'ansible_host': '192.0.2.1', 'ansible_connection': 'winrm'})
    run = hosts.run(str(tmp_path / 'checklist.yml'))
    lines = run.of('win', 'Questions about rules')['stdout_lines']
    unasked = [line for line in lines if ': not asked, ' in line]
    assert lines and lines[0].startswith('system: ') and len(unasked) > 30, run.of('win', 'Questions about rules')
    assert lines[-1] == f'questions that could not be asked: {len(unasked)}'
