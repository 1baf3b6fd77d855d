"""The PowerShell of the module without PowerShell: its syntax, what Ansible sends, and the rendered script."""

from __future__ import annotations

import base64
import gzip
import importlib
import json
import re
from pathlib import Path

import csharp
import pytest
import tree_sitter
import tree_sitter_powershell
import yaml
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import policy as policies
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action import confirmation
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.platforms import registry, windows
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.windows import program, script, wire
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory.host_variables import HostVariables
from ansible_runs import message, play

MODULE = csharp.ROOT / 'plugins' / 'modules' / 'windows_policy.ps1'
SCRIPTS = [MODULE, *sorted(csharp.HERE.rglob('*.ps1'))]
GRAMMAR = tree_sitter.Language(tree_sitter_powershell.language())
# accepted by the grammar, but refused by PowerShell or with another meaning there
MISTAKES = {
    'an operator of other languages': r'(?<![-=!<>])(==|!=|&&|\|\|)(?!=)',
    'PowerShell 7 only': r'\?\?|\?\.|\?\[|\b-Parallel\b|\bclean\s*\{',
    'a block where a hash table is meant': r'= \{ *\w+ *=',
    'a tab': r'\t',
    'a blank at the end': r'(?m) $',
    'a semicolon at the end': r'(?m);$',
    'longer than the sanity tests allow': r'(?m)^.{161,}$',
}


def find_faults(text: str) -> list[str]:
    errors = []

    def visit(node: tree_sitter.Node) -> None:
        if node.type == 'ERROR' or node.is_missing:
            errors.append(f'line {node.start_point[0] + 1}: {node.text.decode()[:60]}')
        for child in node.children:
            visit(child)

    visit(tree_sitter.Parser(GRAMMAR).parse(text.encode()).root_node)
    return errors


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: f'{path.parent.name}/{path.name}')
def test_the_scripts_are_powershell(path):
    text = path.read_bytes().decode('ascii')
    assert find_faults(text) == []
    code = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"|(?m:#.*$)", "''", text)
    for what, pattern in MISTAKES.items():
        lines = [line for line in code.split('\n') if re.search(pattern, line)]
        assert not lines, f'{what}: {lines}'
    assert '\r' not in text and text.endswith('\n')


@pytest.mark.parametrize('broken', ['if ($a { }', "$a = 'b", '$a = @(1, 2', '@{ a = 1 '])
def test_the_grammar_detects_a_mistake(broken):
    assert find_faults(broken)


def test_the_module_is_one_for_ansible():
    """Ansible takes it for a module of its own kind by this line, and sends nothing else with it."""
    text = MODULE.read_text()
    assert text.startswith('#!powershell\n') and '\n#Requires -Version 5.1\n' in text and '#AnsibleRequires' not in text


@pytest.mark.parametrize('path', sorted(csharp.SOURCES.rglob('*.cs')), ids=lambda path: path.stem)
def test_a_source_suits_windows_powershell(path):
    text = path.read_bytes().decode('ascii')
    assert '\nnamespace Portmatrix.Firewall\n{\n' in text and not re.search(r'(?m)^using ', text)
    assert len(text.split('\n')) <= 211 and '\r' not in text and '\t' not in text
    assert path.stem == 'Interop' or max(map(len, text.split('\n'))) <= 120
    # mcs accepts these as C# 5
    has_interfaces = path.stem in ('Interop', 'Machine', 'Operations')
    assert has_interfaces or not re.search(r'\{ get; \}\s*=|\{ get; \}$(?<!abstract)', text)
    assert not re.search(r'\bawait\b|\$"|\?\.|\bnameof\(|=> |HashSet|System\.Linq', text)


def test_the_options_of_the_module_are_documented():
    documented = yaml.safe_load(MODULE.with_suffix('.yml').read_text())['DOCUMENTATION']['options']
    assert set(re.findall(r'\$complex_args\.(\w+)', MODULE.read_text())) == set(documented)


def document(**changes) -> dict:
    rule = {
        'direction': 'ingress',
        'protocol': 'tcp',
        'ports': ['443'],
        'group': 'g',
        'flows': ["a/it's \u2019quoted\u2019"],
    }
    return {
        'format': 1,
        'egress': 'deny',
        'exclusive': True,
        'management': {'sources': ['198.51.100.1/32'], 'ports': []},
        'groups': {'g': ['10.0.0.1/32', '2001:db8::/64']},
        'rules': [rule],
        'citations': {},
        **changes,
    }


def test_the_rendered_script_is_powershell_and_expands_nothing():
    text = script.render(policies.parse(json.dumps(document())), [5986], script.Host('src'))
    assert find_faults(text) == []
    name = r"\('portmatrix/a/it''s ' \+ \[char\]0x2019 \+ 'quoted' \+ \[char\]0x2019 \+ ' in tcp \w{8}'\)"
    assert re.search(rf"DisplayName = {name}; Direction = 'Inbound'", text)
    assert "Ports = @('443'); Peers = @('10.0.0.1/32', '2001:db8::/64')" in text
    assert text.isascii()


def test_the_program_is_small():
    # it is sent with every run
    assert len(wire.packed(program.text())) < 50_000


NO_PEERS = {
    f'rivermeadow.{name}': []
    for name in ('target_worker', 'source_worker_appliance', 'admin_workstation', 'vcenter', 'esxi', 'platform')
}
WINDOWS = {
    'vars': {'ansible_connection': 'winrm', 'portmatrix_peers': NO_PEERS},
    'hosts': {'src': {'ansible_host': '192.0.2.1'}, 'app': {'ansible_host': '192.0.2.2', 'ansible_connection': 'ssh'}},
}
COMPONENTS = {
    'children': {
        'rivermeadow_source_server': {'hosts': {'src': {}}},
        'rivermeadow_migration_appliance': {'hosts': {'app': {}}},
    }
}
TASK = '''
- hosts: {hosts}
  gather_facts: false
  tasks:
    - portmatrix.firewall.policy: {arguments}
      register: it
    - ansible.builtin.copy: {{dest: "{{{{ playbook_dir }}}}/out.ps1", content: "{{{{ it.rendered[0].content }}}}"}}
      delegate_to: localhost
      vars: {{ansible_connection: local}}
'''


def write_playbook(folder: Path, hosts: str, arguments: str) -> str:
    (folder / 'site.yml').write_text(TASK.format(hosts=hosts, arguments=arguments))
    return str(folder / 'site.yml')


def test_a_windows_host_is_rendered_without_one(tmp_path):
    extra = ('-e', '{"rivermeadow_utility_installation": true}')
    code, output = play(
        tmp_path, write_playbook(tmp_path, 'src', '{state: rendered}'), {**WINDOWS, **COMPONENTS}, *extra
    )
    assert code == 0, output
    text = (tmp_path / 'out.ps1').read_text()
    assert find_faults(text) == []
    assert (
        all(f"Ports = @('{port}'); Peers = @('192.0.2.2/32')" in text for port in (445, 5985))
        and '$management = @{ Ports = @(5986);' in text
    )


@pytest.mark.parametrize(
    ('hosts', 'arguments', 'words'),
    [
        ('src', '{backend: ufw}', "src: backend: 'ufw' is not available on Windows hosts; choose from auto, windows"),
        (
            'app',
            '{backend: windows}',
            "app: backend: 'windows' is not available on Linux hosts; choose from auto, firewalld, ufw",
        ),
        ('src', '{state: gathered}', None),
    ],
)
def test_a_back_end_belongs_to_a_platform(tmp_path, hosts, arguments, words):
    _code, output = play(tmp_path, write_playbook(tmp_path, hosts, arguments), {**WINDOWS, **COMPONENTS})
    assert words is None or words in message(output)
    assert words or 'UNREACHABLE' in output or 'winrm' in output


def test_a_shell_of_another_platform_is_refused(tmp_path):
    inventory = {
        'hosts': {
            'app': {
                'ansible_host': '192.0.2.2',
                'portmatrix_platform': 'windows',
                'portmatrix_components': ['rightscale.instance'],
            }
        }
    }
    _code, output = play(tmp_path, write_playbook(tmp_path, 'app', '{state: gathered}'), inventory)
    assert 'app: its platform is windows, but its connection uses a linux shell' in message(output)


class Host:
    """A host over WinRM, as the action plugin sees it: the ANSWERS of the module, one per run."""

    connection_name = 'winrm'

    def __init__(self, *answers):
        self.answers, self.calls, self.connections = list(answers), [], 0

    def reconnect(self):
        self.connections += 1

    def connection_option(self, name):
        return {'port': 5986}.get(name)

    def execute_module(self, name, arguments):
        self.calls.append((name, arguments))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def complete(host: Host, seconds: int, state: str = 'enforced') -> dict:
    platform = registry.choose(HostVariables('src', {'portmatrix_platform': 'windows'}), 'auto')
    result = {'changed': True, 'pending': {'token': 't', 'state': state}}
    return confirmation.complete(host, lambda pending: platform.open_channel(host, pending), result, seconds)


def ended(outcome: str, reason: str = '', **details) -> dict:
    return {'answer': {'facts': {'token': 't', 'outcome': outcome, 'reason': reason, 'details': details}}}


def test_a_change_is_confirmed_by_what_lies_on_the_host_over_a_new_connection():
    host = Host({'failed': True, 'msg': 'the shell is gone'}, ended('confirmed'))
    assert complete(host, 30) == {'changed': True, 'settled': True}
    assert [call[0] for call in host.calls] == ['portmatrix.firewall.windows_policy'] * 2 and host.connections == 2
    assert set(host.calls[0][1]) == {'state', 'request', 'sha256'} and len(str(host.calls)) < 1500


def test_a_change_that_was_rolled_back_fails_with_the_reason():
    result = complete(Host(ended('rolled back', 'rule_missing', rule='portmatrix/a in tcp')), 5)
    assert result['failed'] and result['rolled_back']
    assert "the host has its former rules back: the rule 'portmatrix/a in tcp' is missing" in result['msg']


@pytest.mark.parametrize(('state', 'managed', 'failed'), [('absent', False, None), ('enforced', True, True)])
def test_a_host_without_a_record(monkeypatch, state, managed, failed):
    """After a release nothing is left; otherwise it is not known."""
    monkeypatch.setattr(confirmation, 'PATIENCE', 0.2)
    result = complete(Host({'pending': False, 'managed': managed, 'answer': None}), 5, state)
    assert result.get('failed') is failed


def test_the_modules_of_all_platforms_exist():
    for platform in registry.PLATFORMS.values():
        name = platform.module.rpartition('.')[2]
        assert any((csharp.ROOT / 'plugins' / 'modules').glob(f'{name}.p*')), name
        assert importlib.import_module(platform.__module__)


@pytest.mark.parametrize('check', [False, True])
def test_what_ansible_sends_to_a_windows_host(tmp_path, monkeypatch, check):
    """The playbook for all hosts, with become (sudo): one module with all its utils, a reset, the confirmation."""
    monkeypatch.setenv('RECORD', str(tmp_path / 'record'))
    monkeypatch.setenv('ANSIBLE_CONNECTION_PLUGINS', str(Path(__file__).parent / 'plugins' / 'connection'))
    inventory = {**WINDOWS, **COMPONENTS, 'vars': {'portmatrix_peers': NO_PEERS, 'portmatrix_platform': 'windows'}}
    inventory['hosts'] = {
        'src': {'ansible_host': '192.0.2.1', 'ansible_connection': 'recorder', 'ansible_port': 15986},
        'app': {'ansible_host': '192.0.2.2'},
    }
    code, output = play(
        tmp_path,
        'portmatrix.firewall.harden',
        inventory,
        '-l',
        'src,app',
        '-e',
        'portmatrix_hosts=src',
        *(['--check'] if check else []),
    )
    assert code == 0, output
    record = [json.loads(line) for line in (tmp_path / 'record').read_text().splitlines()]
    assert [entry['state'] for entry in record] == ['enforced', *([] if check else ['reset', 'confirmed'])]
    sent = record[0]['arguments']
    request = json.loads(gzip.decompress(base64.b64decode(sent['request'])))
    assert (request['port'], request['transport'], request['check']) == (15986, 'winrm', check)
    text = json.dumps(request, separators=(',', ':'))
    assert request['policy']['digest'] and wire.checksum(text) == sent['sha256']
    assert gzip.decompress(base64.b64decode(sent['source'])).decode() == program.text()
    assert check or 'source' not in record[2]['arguments']


@pytest.mark.parametrize(
    ('connection', 'options', 'transport'),
    [
        ('winrm', {'port': 5985}, (5985, 'winrm')),
        ('winrm', {'port': None, 'scheme': 'http'}, (5985, 'winrm')),
        ('winrm', {'port': None, 'scheme': 'https'}, (5986, 'winrm')),
        ('psrp', {'port': None, 'protocol': 'http'}, (5985, 'winrm')),
        ('psrp', {'port': None}, (5986, 'winrm')),
        ('psrp', {'port': 15986, 'protocol': 'http'}, (15986, 'winrm')),
        ('ssh', {'port': None}, (22, 'ssh')),
        ('ssh', {'port': 2222}, (2222, 'ssh')),
    ],
)
def test_the_port_is_that_of_the_connection_plugin(connection, options, transport):
    class Connected:
        connection_name = connection
        connection_option = staticmethod(options.get)

    assert windows.transport(Connected) == transport
