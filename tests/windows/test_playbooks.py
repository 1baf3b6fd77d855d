"""Runs of ansible-playbook on Windows hosts that are not there: imitation/ has their firewall, their scheduler, and
connection plugins. What passes is judged by imitation/judge.py. Cases are in cases/playbooks.yml."""

from __future__ import annotations

import typing as t

import powershell
import pytest
from imitation import hosts, scheduler
from imitation.cases import CASES
from imitation.network import Network, Run, copy_collection, run_once

pytestmark = pytest.mark.skipif(not powershell.PROGRAM, reason=powershell.MISSING)
LIFE = """
- hosts: life
  gather_facts: false
  become: true
  serial: 3
  tasks:
    - name: Harden again
      portmatrix.firewall.policy: {}
- hosts: all
  gather_facts: false
  tasks:
    - name: Render
      portmatrix.firewall.policy: {state: rendered}
- hosts: linux
  gather_facts: false
  tasks:
    - name: Ask a Linux host
      ansible.builtin.raw: 'true'
"""
GATHER = """
- hosts: winrm, psrp, ssh
  gather_facts: false
  tasks:
    - name: Gather
      portmatrix.firewall.policy: {state: gathered}
"""


class Life(t.NamedTuple):
    """The runs in the life of the hosts, and their firewalls after each (run -> host -> name of a file)."""

    network: Network
    checked: Run
    hardened: Run
    again: Run
    gathered: Run
    released: Run


def add_life_hosts(network: Network) -> None:
    for name, case in CASES['life'].items():
        variables = dict(case['variables'])
        if 'many_target_workers' in case:
            workers = [
                f'10.9.{number // 128}.{number % 128 * 2 + 1}' for number in range(case['many_target_workers'] - 1)
            ]
            peers = CASES['variables']['portmatrix_peers']
            workers = [*peers['rivermeadow.target_worker'], *workers]
            variables['portmatrix_peers'] = {**peers, 'rivermeadow.target_worker': workers}
        network.add(name, variables, **{key: case[key] for key in ('rules', 'listeners') if key in case})
    linux = {'ansible_host': '192.0.2.10', 'portmatrix_platform': 'linux'}
    network.inventory['hosts']['linux'] = {
        **linux,
        'portmatrix_components': ['rivermeadow.migration_appliance'],
        # the real plugin finds no such program, so nothing is asked of a network
        'ansible_ssh_executable': '/nonexistent/ssh',
    }
    network.inventory['children'] = {'life': {'hosts': dict.fromkeys(CASES['life'], {})}}
    network.inventory['vars'] = CASES['variables']


def live(network: Network) -> Life:
    add_life_hosts(network)
    (network.folder / 'life.yml').write_text(LIFE)
    (network.folder / 'gather.yml').write_text(GATHER)
    with scheduler.Scheduler(network.root):
        checked = network.run('portmatrix.firewall.harden', '--check', '--diff', '-l', 'life')
        hosts.keep_states(network.root, 'checked.json')
        hardened = network.run('portmatrix.firewall.harden', '-l', 'life')
        hosts.keep_states(network.root, 'hardened.json')
        again = network.run('life.yml')
        hosts.keep_states(network.root, 'again.json')
        gathered = network.run('gather.yml', ANSIBLE_KEEP_REMOTE_FILES='1')
        released = network.run('portmatrix.firewall.release', '-l', 'life')
        return Life(network, checked, hardened, again, gathered, released)


@pytest.fixture(scope='module')
def life(tmp_path_factory):
    return run_once(tmp_path_factory, 'life', live)


def life_cases() -> list[str]:
    return list(CASES['life'])


def packet_cases() -> list[t.Any]:
    cases = []
    for name in CASES['life']:
        for packet in CASES['packets']:
            cases.append(pytest.param(name, packet, id=f'{name}-{packet["from"]}-{packet["to"]}'))
    return cases


def host_is_exclusive(name: str) -> bool:
    return bool(CASES['life'][name]['variables'].get('portmatrix_exclusive'))


def controller_port(run: Run, name: str) -> int:
    return next(event['port'] for event in run.events if event['host'] == name and event['event'] == 'connect')


class TestLife:
    """Check, harden, again, gather, render and release, over winrm, psrp and ssh."""

    @pytest.mark.parametrize('name', life_cases())
    def test_check_predicts_and_changes_nothing(self, life, name):
        result = life.checked.of(name)
        host = life.network[name]
        assert result['status'] == 'ok' and result['changed'], result
        assert 'ingress tcp 5994 from' in result['diff']['after'] and '5994' not in result['diff']['before']
        assert host.read('checked.json') == host.read('first.json')

    @pytest.mark.parametrize('name', life_cases())
    def test_a_change_is_confirmed_over_a_new_connection(self, life, name):
        result = life.hardened.of(name)
        assert result['status'] == 'ok' and result['changed'], result
        steps = [event['event'] for event in life.hardened.events if event['host'] == name]
        # ssh keeps the connection of the run before for its first command
        assert [step for step in steps if step != 'pass'][-4:] == ['exec', 'reset', 'connect', 'exec']

    @pytest.mark.parametrize(('name', 'packet'), packet_cases())
    def test_packets(self, life, name, packet):
        host = life.network[name]
        port = controller_port(life.checked, name) if packet['to'] == 'controller' else packet['to']
        expected = packet['hardened']
        if host_is_exclusive(name):
            expected = packet.get('exclusive', expected)
        assert host.admits(packet['from'], port, state='first.json') == packet['stock']
        assert host.admits(packet['from'], port, state='hardened.json') == expected, packet['why']

    @pytest.mark.parametrize('name', life_cases())
    def test_a_second_run_changes_nothing(self, life, name):
        result = life.again.of(name, 'Harden again')
        host = life.network[name]
        assert result['status'] == 'ok' and not result['changed'], result
        assert host.read('again.json') == host.read('hardened.json')

    @pytest.mark.parametrize('name', ['winrm', 'psrp', 'ssh'])
    def test_gathered(self, life, name):
        """By way of files: Windows hosts get modules by pipelining, whatever the setting, unless files are kept."""
        steps = [event['event'] for event in life.gathered.events if event['host'] == name]
        # ansible-core 2.20 and later pipelines even then
        assert [step for step in steps if step not in ('connect', 'pass')] in (['exec', 'put', 'exec'], ['exec'])
        assert all(event['piped'] for event in life.hardened.events if event['event'] == 'exec')
        gathered = life.gathered.of(name)['gathered']
        assert gathered['active'] and gathered['enforced'], gathered
        assert any('5994' in rule['ports'] for rule in gathered['rules'])

    @pytest.mark.parametrize('name', life_cases())
    def test_rendered(self, life, name):
        assert "Ports = @('5994')" in life.again.of(name, 'Render')['rendered'][0]['content']

    def test_hosts_of_linux_are_in_the_same_run(self, life):
        assert life.again.of('linux', 'Render')['rendered']
        # the real plugin was asked
        assert '/nonexistent/ssh' in str(life.again.of('linux', 'Ask a Linux host'))

    @pytest.mark.parametrize('name', life_cases())
    def test_release_puts_things_back(self, life, name):
        assert life.released.of(name)['status'] == 'ok', life.released.of(name)
        host = life.network[name]
        assert host.is_as_at_first() and not host.own_rules

    @pytest.mark.parametrize('name', life_cases())
    def test_release_leaves_nothing_behind(self, life, name):
        assert life.released.of(name)['status'] == 'ok' and life.network[name].left_behind() == []

    def test_what_is_sent(self, life):
        """5,000 addresses cost little beside the program."""
        sent = {name: life.hardened.sent(name)[0] for name in CASES['life']}
        assert max(sent.values()) < 150_000, sent
        assert sent['ssh-files'] - sent['ssh'] < 40_000, sent


@pytest.fixture
def host(tmp_path):
    """A network of one host."""
    network = Network(tmp_path, copy_collection(tmp_path / 'collections'))
    network.inventory['vars'] = CASES['variables']
    variables = {'ansible_host': '192.0.2.1', 'ansible_connection': 'winrm', 'ansible_port': 5985}
    network.add('host', {**variables, 'ansible_password': 'the-secret-word'})
    return network


def test_async_is_refused_by_name(host, tmp_path):
    """A confirmation needs the controller's side of the task."""
    task = '- hosts: all\n  gather_facts: false\n  tasks:\n    - {portmatrix.firewall.policy: {}, async: 60, poll: 5}\n'
    (tmp_path / 'async.yml').write_text(task)
    run = host.run('async.yml')
    assert run.code != 0 and 'async' in run.of('host')['msg'] and host['host'].is_as_at_first(), run.output


def test_secrets_are_not_shown(host):
    run = host.run('portmatrix.firewall.harden', '--check', '-vvvvv')
    assert run.code == 0 and 'the-secret-word' not in run.output, run.output[-3000:]
    # nor what is sent, which would hide all else
    assert max(map(len, run.output.splitlines())) < 100_000
