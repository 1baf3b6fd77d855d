"""state=rendered: the configuration files of a host, without a connection to it."""

from __future__ import annotations

import json

import ansible_runs
import yaml
from inventories import SMALL


def play(folder, backend, **variables):
    """(return code, output) of rendering for ctl1, with VARIABLES."""
    tasks = [
        {'portmatrix.firewall.policy': {'state': 'rendered', 'egress': 'deny', 'backend': backend}, 'register': 'out'},
        {
            'ansible.builtin.copy': {'content': '{{ out | to_json }}', 'dest': str(folder / 'out.json')},
            'delegate_to': 'localhost',
            'connection': 'local',
        },
    ]
    (folder / 'site.yml').write_text(yaml.safe_dump([{'hosts': 'ctl1', 'gather_facts': False, 'tasks': tasks}]))
    return ansible_runs.play(
        folder, 'site.yml', {**SMALL, 'vars': {**SMALL['vars'], 'portmatrix_unresolved': 'skip', **variables}}
    )


def render(folder, backend, **variables):
    """Path -> content of the files that the module renders for ctl1, with VARIABLES."""
    code, output = play(folder, backend, **variables)
    assert code == 0, output
    return {entry['path']: entry['content'] for entry in json.loads((folder / 'out.json').read_text())['rendered']}


def test_rendered_for_firewalld_needs_no_host(tmp_path):
    files = render(tmp_path, 'auto')
    assert {'/etc/firewalld/policies/portmatrix-in.xml', '/etc/firewalld/policies/portmatrix-out.xml'} <= set(files)
    rule = '<rule family="ipv4"><source address="192.0.2.2"/><port port="8443" protocol="tcp"/><accept/></rule>'
    assert rule in files['/etc/firewalld/policies/portmatrix-in.xml']


def test_rendered_for_ufw_needs_no_host(tmp_path):
    files = render(tmp_path, 'ufw')
    assert (
        '-A ufw-user-input -p tcp -m multiport --dports 22,8443 -s 192.0.2.2 -j ACCEPT\n'
        in files['/etc/ufw/user.rules']
    )
    assert '-A ufw-before-output -p icmp -j ACCEPT\n' in files['/etc/ufw/before.rules']
    assert '# avi_vantage/se-https = ' in files['/etc/ufw/before.rules']
    assert 'ENABLED=yes' in files['/etc/ufw/ufw.conf'] and 'DEFAULT_OUTPUT_POLICY="REJECT"' in files['/etc/default/ufw']
    assert {'/etc/ufw/user6.rules', '/etc/ufw/before6.rules'} <= set(files)


def test_every_management_port_is_rendered(tmp_path):
    variables = {'ansible_port': 2222, 'portmatrix_management_ports': [8006]}
    policy = render(tmp_path, 'firewalld', **variables)['/etc/firewalld/policies/portmatrix-in.xml']
    assert all(f'<port port="{port}" protocol="tcp"/>' in policy for port in (2222, 8006))
    rules = render(tmp_path, 'ufw', **variables)['/etc/ufw/user.rules']
    assert '-A ufw-user-input -p tcp -m multiport --dports 2222,8006 -j ACCEPT\n' in rules


def test_denied_packets_are_logged(tmp_path):
    variables = {'portmatrix_log_denied': True}
    policy = render(tmp_path, 'firewalld', **variables)['/etc/firewalld/policies/portmatrix-in.xml']
    assert '<log prefix="portmatrix " level="info"><limit value="10/m"/></log>' in policy
    rules = render(tmp_path, 'ufw', **variables)['/etc/ufw/after6.rules']
    assert '-A ufw6-after-input -m limit --limit 10/min -j LOG --log-prefix "portmatrix "\n' in rules
    assert '/etc/ufw/after.rules' not in render(tmp_path, 'ufw')
    windows = {'ansible_connection': 'winrm', 'portmatrix_platform': 'windows'}
    script = render(tmp_path, 'auto', **windows, **variables)['portmatrix.ps1']
    assert "Settings = @('Enabled', 'BlockInbound', 'BlockOutbound', 'LogDropped')" in script


def test_every_host_is_written_below_a_folder(tmp_path, monkeypatch):
    hosts = {
        'win1': {'ansible_host': '192.0.2.1', 'ansible_connection': 'winrm'},
        'linux1': {'ansible_host': '192.0.2.2'},
        'idle': {'ansible_host': '192.0.2.3', 'portmatrix_components': []},
    }
    inventory = {
        'hosts': hosts,
        'vars': {'portmatrix_unresolved': 'skip', 'portmatrix_components': ['rightscale.instance']},
    }
    monkeypatch.setenv('PWD', str(tmp_path))
    code, output = ansible_runs.play(tmp_path, 'portmatrix.firewall.render', inventory)
    assert code == 0, output
    folder = tmp_path / 'portmatrix-rendered'
    index = json.loads((folder / 'index.json').read_text())
    assert set(index) == {'win1', 'linux1'} and index['win1']['files'] == ['portmatrix.ps1'], index
    assert index['linux1']['products'] == ['rightscale'] and len(index['linux1']['digest']) == 64
    assert 'Firewall rules of win1 from port matrices (rightscale)' in (folder / 'win1' / 'portmatrix.ps1').read_text()
    for path in index['linux1']['files']:
        assert (folder / 'linux1' / path.lstrip('/')).is_file()


def test_hosts_with_the_same_components_get_one_script(tmp_path, monkeypatch):
    monkeypatch.setenv('PWD', str(tmp_path))
    windows = {'ansible_connection': 'winrm', 'portmatrix_components': ['rightscale.instance']}
    hosts = {name: {**windows, 'ansible_host': f'192.0.2.{number}'} for number, name in enumerate(('win1', 'win2'), 1)}
    inventory = {'hosts': hosts, 'vars': {'portmatrix_unresolved': 'skip'}}
    arguments = ('portmatrix.firewall.render', inventory, '-e', 'portmatrix_render_by=components')
    code, output = ansible_runs.play(tmp_path, *arguments)
    assert code == 0, output
    folder = tmp_path / 'portmatrix-rendered'
    assert sorted(path.name for path in folder.iterdir()) == ['index.json', 'rightscale.instance'], output
    assert (folder / 'rightscale.instance' / 'portmatrix.ps1').is_file()
    hosts['win2']['portmatrix_management_ports'] = [8022]
    code, output = ansible_runs.play(tmp_path, *arguments)
    assert code != 0 and 'have different policies' in ' '.join(output.split()), output
