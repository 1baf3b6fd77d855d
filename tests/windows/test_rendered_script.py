"""The rendered script, run by PowerShell 7 with imitated cmdlets (fake/NetSecurity.psm1) on a firewall in a file: it
does what it says, twice, and back; and where any call fails, it stops and nobody is locked out.

PORTMATRIX_ALL_CASES: each call fails once.
"""

from __future__ import annotations

import copy
import ipaddress
import json
import os
import random
import shutil
import typing as t
from pathlib import Path
from unittest import mock

import csharp
import powershell
import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.peers import ANY
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.windows import program, script
from imitation import hosts, network, scheduler

pytestmark = pytest.mark.skipif(not powershell.PROGRAM, reason=powershell.MISSING)
CONTROLLER, PEER, STRANGER = '198.51.100.1', '10.0.0.1', '203.0.113.7'
FOLDER = "[Environment]::GetFolderPath('CommonApplicationData')"
# name: (enabled, action, direction, protocol, ports, peers, program, group)
RULES = {
    'WinRM': ('True', 'Allow', 'Inbound', 'TCP', ['5985'], ['Any'], 'System', '@FirewallAPI.dll,-30267'),
    'RDP': ('False', 'Allow', 'Inbound', 'TCP', ['3389'], ['Any'], 'C:\\Windows\\svchost.exe', ''),
    'web': ('True', 'Allow', 'Inbound', 'TCP', ['80'], ['Any'], 'Any', ''),
    'web too': ('False', 'Allow', 'Inbound', 'TCP', ['80'], ['Any'], 'Any', ''),
    'DNS': ('False', 'Allow', 'Outbound', 'UDP', ['53'], ['Any'], 'Any', '@FirewallAPI.dll,-25000'),
    'old': ('True', 'Allow', 'Inbound', 'TCP', ['7777'], ['Any'], 'Any', 'portmatrix'),
}


def document(**changes: t.Any) -> dict[str, t.Any]:
    rule = {
        'direction': 'ingress',
        'protocol': 'tcp',
        'ports': ['443', '8000-8010'],
        'group': 'g',
        'flows': ['product/api'],
    }
    return {
        'format': 1,
        'egress': 'allow',
        'exclusive': True,
        'management': {'sources': ['198.51.100.0/24'], 'ports': [], 'declared': True},
        'groups': {'g': [f'{PEER}/32', '2001:db8::/64']},
        'rules': [rule],
        'citations': {'product/api': ['Ports, table 1, row \u0142']},
        **changes,
    }


class Computer:
    """A firewall in FOLDER, and scripts that run there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rules = [
            {
                **dict(zip(('Enabled', 'Action', 'Direction', 'Protocol'), values)),
                'Name': f'id-{name}',
                'DisplayName': name,
                'Description': '',
                'Group': values[7],
                'Profile': 'Any',
                'LocalPort' if values[2] == 'Inbound' else 'RemotePort': values[4],
                'RemotePort' if values[2] == 'Inbound' else 'LocalPort': ['Any'],
                'RemoteAddress': values[5],
                'Program': values[6],
            }
            for name, values in RULES.items()
        ]
        settings = {
            'Enabled': 'True',
            'DefaultInboundAction': 'NotConfigured',
            'DefaultOutboundAction': 'NotConfigured',
        }
        extra = {
            'LogBlocked': 'False',
            'AllowLocalFirewallRules': 'NotConfigured',
            'AllowInboundRules': 'NotConfigured',
        }
        profiles = [{'Name': name, **settings, **extra} for name in ('Domain', 'Private', 'Public')]
        self.write({'rules': rules, 'profiles': profiles, 'listening': [80, 3389, 5985], 'connected': [], 'policy': {}})

    def write(self, state: dict[str, t.Any]) -> None:
        (self.folder / 'firewall.json').write_text(json.dumps(state))
        (self.folder / 'journal').write_text('')

    def read(self) -> dict[str, t.Any]:
        return json.loads((self.folder / 'firewall.json').read_text())

    @property
    def changes(self) -> list[str]:
        return (self.folder / 'journal').read_text().splitlines()

    def run(self, policy: dict[str, t.Any], *arguments: str, fail_at: int = 0) -> tuple[int, str]:
        text = script.render(
            policies.parse(json.dumps(policy)), [5985], script.Host('src', (), ('product',)), ['a warning']
        )
        assert FOLDER in text
        path = self.folder / 'portmatrix.ps1'
        path.write_text(text.replace(FOLDER, f"'{self.folder}'").replace('#Requires -RunAsAdministrator', ''))
        call = f"Import-Module '{csharp.HERE / 'fake' / 'NetSecurity.psm1'}'; & '{path}' {' '.join(arguments)}; "
        environment = {
            'FIREWALL': f'{self.folder}/firewall.json',
            'JOURNAL': f'{self.folder}/journal',
            'FAIL_AT': str(fail_at),
        }
        (self.folder / 'journal').write_text('')
        with mock.patch.dict(os.environ, environment):
            finished = powershell.run_command(call + '$code = $LASTEXITCODE; "calls $(Get-CallCount)"; exit $code')
        return finished.returncode, finished.stdout

    def admits(self, peer: str, port: int, program: str = '') -> bool:
        """Whether the firewall lets in a new TCP connection from PEER to PORT, where PROGRAM listens."""
        state = self.read()
        if state['profiles'][0]['Enabled'] == 'False' or state['profiles'][0]['DefaultInboundAction'] == 'Allow':
            return True
        return any(
            rule['Enabled'] == 'True'
            and rule['Direction'] == 'Inbound'
            and rule['Program'] in ('Any', program)
            and rule['Protocol'] in ('TCP', 'Any')
            and any(has_port(text, port) for text in rule['LocalPort'])
            and any(
                text == 'Any' or ipaddress.ip_address(peer) in ipaddress.ip_network(text)
                for text in rule['RemoteAddress']
            )
            for rule in state['rules']
        )


def has_port(text: str, port: int) -> bool:
    return text == 'Any' or int(text.split('-')[0]) <= port <= int(text.split('-')[-1])


def covers(text: str, peer: str) -> bool:
    return text == 'Any' or ipaddress.ip_address(peer) in ipaddress.ip_network(text)


@pytest.fixture
def computer(tmp_path):
    return Computer(tmp_path)


def without_order(state: dict[str, t.Any]) -> dict[str, t.Any]:
    plain = copy.deepcopy(state)
    plain['rules'] = sorted(
        (rule for rule in plain['rules'] if rule['DisplayName'] != 'old'), key=lambda rule: rule['Name']
    )
    for profile in plain['profiles']:
        profile.update(
            {key: value.replace('NotConfigured', 'Block') for key, value in profile.items() if 'Inbound' in key}
        )
        profile.update(
            {key: value.replace('NotConfigured', 'Allow') for key, value in profile.items() if 'Outbound' in key}
        )
    return plain


@pytest.mark.parametrize('egress', ['allow', 'deny'])
def test_run_again_and_undone(computer, egress):
    before = computer.read()
    policy = document(egress=egress)
    code, output = computer.run(policy, '-AnyComputer')
    assert code == 0 and '2 rules made, 1 removed' in output and 'the former rules are in' in output, output
    assert computer.admits(PEER, 443) and computer.admits(CONTROLLER, 5985, 'System')
    assert not any(
        computer.admits(*packet) for packet in ((STRANGER, 443), (STRANGER, 80), (PEER, 7777), (CONTROLLER, 3389))
    )
    assert computer.read()['profiles'][2]['DefaultOutboundAction'] == ('Block' if egress == 'deny' else 'NotConfigured')
    assert 'port 3389 of management is open from nowhere now, and stays so' in output
    memory = json.loads((computer.folder / 'portmatrix' / 'memory.json').read_text())
    assert set(memory) == {'fixed', 'managed', 'settings', 'switched_off', 'switched_on'}, 'as the module has it'
    assert ['web', '', 0] in memory['switched_off'] and memory['settings']['1 Enabled'] is True
    code, output = computer.run(policy, '-AnyComputer')
    assert code == 0 and computer.changes == [] and '0 rules made, 0 removed, 2 kept' in output, output
    code, output = computer.run(policy, '-Undo')
    assert code == 0 and without_order(computer.read()) == without_order(before), output
    assert computer.run(policy, '-Undo')[0] == 1, 'there is nothing to undo any more'


def test_what_if_changes_nothing(computer):
    before = computer.read()
    code, output = computer.run(document(egress='deny'), '-AnyComputer', '-WhatIf')
    assert code == 0 and computer.read() == before and computer.changes == [], output
    assert "What if: Performing the operation \"disable\" on target \"the rule 'web'" in output, output
    assert not (computer.folder / 'portmatrix').exists()


def test_an_edited_rule_is_mended_where_it_is(computer):
    computer.run(document(), '-AnyComputer')
    state = computer.read()
    next(rule for rule in state['rules'] if rule['LocalPort'] == ['443', '8000-8010'])['RemoteAddress'] = ['Any']
    computer.write(state)
    code, output = computer.run(document(), '-AnyComputer')
    assert code == 0 and not computer.admits(STRANGER, 443) and len(computer.changes) == 1, output


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({}, 'these rules are for src, and this is'),
        ({'AllowLocalFirewallRules': 'False'}, 'group policy ignores local rules'),
        ({'AllowInboundRules': 'False'}, 'blocks all inbound traffic'),
    ],
)
def test_refused_before_anything_has_changed(computer, change, words):
    state = computer.read()
    state['profiles'][0].update(change)
    computer.write(state)
    code, output = computer.run(document(), *(['-AnyComputer'] if change else []))
    assert code == 1 and words in output and computer.read() == state, output


@pytest.mark.parametrize('switches', [['-AnyComputer'], ['-Undo']])
def test_a_change_that_waits_for_its_confirmation_is_left_alone(computer, switches):
    before = computer.read()
    folder = computer.folder / 'portmatrix'
    folder.mkdir(exist_ok=True)
    (folder / 'pending.json').write_text('{}')
    code, output = computer.run(document(), *switches)
    assert code == 1 and 'a change waits for its confirmation' in output and computer.read() == before, output


def test_who_is_connected_is_not_locked_out(computer):
    state = {**computer.read(), 'connected': [[5985, '127.0.0.1'], [5985, '::ffff:192.0.2.77']]}
    computer.write(state)
    policy = document()
    code, output = computer.run(policy, '-AnyComputer')
    assert code == 1 and '192.0.2.77 is connected to port 5985' in output, output
    assert computer.read() == state


@pytest.mark.parametrize('change', [{'Profile': 'Domain'}, {'Program': 'C:\\other.exe'}])
def test_a_way_in_that_somebody_has_narrowed_is_mended(computer, change):
    assert computer.run(document(), '-AnyComputer')[0] == 0
    state = computer.read()
    rule = next(rule for rule in state['rules'] if rule['Name'] == 'portmatrix-management-5985')
    rule.update(change)
    computer.write(state)
    code, output = computer.run(document(), '-AnyComputer')
    rule = next(rule for rule in computer.read()['rules'] if rule['Name'] == 'portmatrix-management-5985')
    assert code == 0 and (rule['Profile'], rule['Program']) == ('Any', 'Any') and len(computer.changes) == 1, output


def test_settings_that_group_policy_decides_are_told(computer):
    computer.write({**computer.read(), 'policy': {'DefaultInboundAction': 'Allow'}})
    code, output = computer.run(document(), '-AnyComputer')
    assert code == 1 and 'BlockInbound is not in force in the Domain profile' in output, output


def test_switches_that_contradict_each_other_change_nothing(computer):
    before = computer.read()
    output = computer.run(document(), '-Undo', '-ConfirmWithin', '60')[1]
    assert 'portmatrix:' not in output and computer.read() == before and computer.changes == []


def test_undone_only_where_a_way_in_stays(computer):
    assert computer.run(document(), '-AnyComputer')[0] == 0
    state = computer.read()
    state['rules'] = [rule for rule in state['rules'] if rule['Group'] == 'portmatrix']
    computer.write(state)
    code, output = computer.run(document(), '-Undo')
    assert code == 1 and 'no port of management would stay open' in output, output
    assert any(rule['Name'] == 'portmatrix-management-5985' for rule in computer.read()['rules'])


def test_what_if_confirms_nothing(computer):
    (computer.folder / 'portmatrix').mkdir()
    (computer.folder / 'portmatrix' / 'pending.json').write_text('{"token":"x"}')
    code, output = computer.run(document(), '-ConfirmChange', '-WhatIf')
    assert code == 0 and 'What if' in output and 'stays' not in output, output


def test_a_folder_of_somebody_else_is_not_believed(computer, monkeypatch):
    before = computer.read()
    (computer.folder / 'portmatrix').mkdir()
    monkeypatch.setenv('FOLDER_HOLDER', 'S-1-5-21-1-2-3-1001')
    code, output = computer.run(document(), '-AnyComputer')
    assert code == 1 and 'S-1-5-21-1-2-3-1001 has access' in output and computer.read() == before, output


def test_a_rule_that_blocks_management_is_refused(computer):
    state = computer.read()
    state['rules'].append(
        {**state['rules'][0], 'Name': 'id-b', 'DisplayName': 'blocker', 'Action': 'Block', 'Program': 'Any'}
    )
    computer.write(state)
    code, output = computer.run(document(), '-AnyComputer')
    assert code == 1 and "the rule 'blocker' may block management on port 5985" in output and computer.changes == []


def test_management_is_never_wider_than_now(computer):
    state = computer.read()
    state['rules'][0]['RemoteAddress'] = ['198.51.100.0/255.255.255.0']
    computer.write(state)
    policy = document(management={'sources': ['any'], 'ports': [], 'declared': False})
    code, output = computer.run(policy, '-AnyComputer')
    assert (
        code == 0 and computer.admits(CONTROLLER, 5985, 'System') and not computer.admits(STRANGER, 5985, 'System')
    ), output


def test_rules_for_a_policy_store(computer):
    """Nothing of the computer is switched; what a policy cannot say is named."""
    code, output = computer.run(document(), '-PolicyStore', 'lab.example/Servers')
    assert code == 0 and 'a policy cannot switch the rules of the computers' in output, output
    assert all(not line.startswith(('disable', 'enable')) for line in computer.changes)
    assert not (computer.folder / 'portmatrix').exists() and 'profile Domain' in computer.changes


@pytest.mark.parametrize('seed', range(int(os.environ.get('PORTMATRIX_WINDOWS_SCRIPTS', '4'))))
def test_packets_of_random_policies(computer, seed):
    """What the policy documents passes, and nothing else does."""
    chance = random.Random(seed)
    policy = {**csharp.create_random_policy(chance), 'exclusive': True}
    policy['management'] = {'sources': ['198.51.100.0/24'], 'ports': [], 'declared': True}
    # ports of SCTP are refused on the controller
    policy['rules'] = [rule for rule in policy['rules'] if rule['protocol'] != 'sctp']
    wanted = policies.parse(json.dumps(policy))
    code, output = computer.run(policy, '-AnyComputer')
    assert code == 0, output
    rules = [rule for rule in wanted.rules if rule.direction == 'ingress' and rule.protocol == 'tcp']
    members = [address for rule in rules if rule.peers is not ANY for address in rule.peers.addresses[:5]]
    peers = [address.partition('/')[0] for address in members]
    ports = {port for rule in rules for span in rule.ports for port in (span[0], span[1], span[1] + 1)}
    for peer in [*peers, STRANGER, '2001:db8:ffff::1']:
        for port in ports:
            documented = any(
                any(low <= port <= high for low, high in rule.ports)
                and (rule.peers is ANY or any(covers(text, peer) for text in rule.peers.addresses))
                for rule in rules
            )
            assert computer.admits(peer, port) is documented, (peer, port)


def test_rules_for_a_session_of_a_group_policy(computer):
    """Get-NetFirewallRule does not read a session, so ours are made anew there."""
    for removed in (0, 2):
        code, output = computer.run(document(), '-GPOSession', 'session')
        assert code == 0 and f'2 rules made, {removed} removed' in output, output
        assert all(not line.startswith(('disable', 'enable', 'remove id-')) for line in computer.changes)
    assert computer.admits(PEER, 443)


def test_a_call_that_fails_is_never_silent_and_never_locks_out(computer):
    before = computer.read()
    _code, output = computer.run(document(egress='deny'), '-AnyComputer')
    calls = int(output.rstrip().rpartition('calls ')[2])
    assert calls > 40
    for number in range(1, calls + 1, 1 if os.environ.get('PORTMATRIX_ALL_CASES') else 5):
        computer.write(before)
        shutil.rmtree(computer.folder / 'portmatrix', ignore_errors=True)
        code, output = computer.run(document(egress='deny'), '-AnyComputer', fail_at=number)
        assert code == 1 and 'portmatrix: stopped after' in output, (number, output)
        assert computer.admits(CONTROLLER, 5985, 'System'), (number, output)


def test_get_help_shows_what_it_is_about(computer):
    computer.run(document(), '-AnyComputer', '-WhatIf')
    shown = powershell.run_command(
        f"Get-Help '{computer.folder / 'portmatrix.ps1'}' -Full | Out-String -Width 200"
    ).stdout
    for words in (
        'Firewall rules of src from port matrices (product)',
        'Warning: a warning',
        '-PolicyStore',
        'Bring back what',
    ):
        assert words in shown, shown


class TestWindow:
    """-ConfirmWithin and -ConfirmChange: the program of the module, on an imitated host."""

    @pytest.fixture
    def host(self, tmp_path, monkeypatch):
        copied = network.copy_collection(tmp_path / 'collections') / 'ansible_collections/portmatrix/firewall'
        text = program.text(copied / csharp.SOURCES.relative_to(csharp.ROOT))
        monkeypatch.setattr(program, 'text', lambda: text)
        host = hosts.ImitatedHost.create(tmp_path / 'hosts', 'src', '192.0.2.1')
        entry = {'transport': 'winrm', 'peer': CONTROLLER, 'port': 5985, 'peer_port': 50001}
        host.update('machine.json', connections=[entry])
        monkeypatch.setenv('PORTMATRIX_IMITATED_HOST', str(host.folder))
        with scheduler.Scheduler(tmp_path / 'hosts'):
            yield host

    def run(self, host: hosts.ImitatedHost, *arguments: str) -> tuple[int, str]:
        rendered = script.render(policies.parse(json.dumps(document())), [5985], script.Host('src'))
        path = host.folder / 'portmatrix.ps1'
        rendered = rendered.replace(FOLDER, f"'{host.folder / 'ProgramData'}'")
        path.write_text(rendered.replace('#Requires -RunAsAdministrator', ''))
        finished = powershell.run(path, *arguments)
        return finished.returncode, finished.stdout

    def test_a_change_is_confirmed_in_a_new_session(self, host):
        code, output = self.run(host, '-AnyComputer', '-ConfirmWithin', '60')
        assert code == 0 and 'it is rolled back in 60 s' in output and host.admits(PEER, 443), output
        code, output = self.run(host, '-ConfirmChange')
        assert code == 1 and 'used a connection that was there' in output, output
        machine = host.read('machine.json')
        host.update('machine.json', connections=[{**machine['connections'][0], 'peer_port': 50002}])
        code, output = self.run(host, '-ConfirmChange')
        assert code == 0 and 'is confirmed, and stays' in output and host.admits(PEER, 443), output
        assert self.run(host, '-ConfirmChange')[0] == 1

    def test_a_change_that_nobody_confirms_is_rolled_back(self, host):
        code, output = self.run(host, '-AnyComputer', '-ConfirmWithin', '15')
        assert code == 0 and not host.is_as_at_first(), output
        assert hosts.wait_until(lambda: not (host.folder / 'task.json').exists(), 60) and host.is_as_at_first()

    def test_a_refusal_is_said_in_words(self, host):
        host.update('machine.json', connections=[], listeners={})
        code, output = self.run(host, '-AnyComputer', '-ConfirmWithin', '60')
        assert code == 1 and 'portmatrix: no management access was found on this host' in output, output
