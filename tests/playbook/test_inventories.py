"""Inventories as people have them: files of groups, vault, limits, appliances, jump hosts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import ansible_runs
import pytest
import yaml
from inventories import SMALL

API = {'ansible_host': '192.0.2.1', 'portmatrix_components': ['enstratius.api']}
SKIP = {'portmatrix_unresolved': 'skip'}


def test_a_limited_plan_says_so_in_the_file_and_on_the_terminal(tmp_path):
    whole, output = ansible_runs.plan(tmp_path, SMALL)
    assert 'partial' not in whole and 'hosts only' not in output
    part, output = ansible_runs.plan(tmp_path, SMALL, '--limit', 'se1')
    said = ' '.join(output.split())
    assert part['partial'] is True and list(part['hosts']) == ['se1']
    assert 'this is the plan of 1 of 2 hosts only' in said
    assert 'portmatrix-plan.json, in place of the plan of the whole inventory, with the mark "partial"' in said
    _part, output = ansible_runs.plan(tmp_path, SMALL, '--limit', 'se1', '-e', 'portmatrix_plan_file=other.json')
    assert 'in place of' not in output and json.loads((tmp_path / 'other.json').read_text())['partial'] is True
    again, _output = ansible_runs.plan(tmp_path, SMALL)
    assert again == whole


def test_a_play_of_hosts_without_components_says_so(tmp_path):
    _plan, output = ansible_runs.plan(tmp_path, SMALL, '--limit', 'other')
    assert 'nothing is planned: the 2 managed hosts with a component are not in this play' in ' '.join(output.split())


def test_values_from_a_vault_are_decrypted(tmp_path):
    (tmp_path / 'password').write_text('secret')
    vault = [str(Path(sys.executable).parent / 'ansible-vault'), 'encrypt_string', '--vault-password-file', 'password']
    values = {'component': 'enstratius.mysql', 'address': '203.0.113.7', 'own': '192.0.2.1', 'port': '16000'}
    encrypted = {
        name: subprocess.run([*vault, text], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for name, text in values.items()
    }
    encrypted = {name: text.replace('\n', '\n' + ' ' * 14) for name, text in encrypted.items()}
    (tmp_path / 'inventory.yml').write_text(
        f"""
all:
  hosts:
    a:
      portmatrix_components:
        - {encrypted['component']}
      portmatrix_addresses:
        - {encrypted['own']}
      enstratius_mysql_port: {encrypted['port']}
      portmatrix_unresolved: skip
      portmatrix_peers:
        enstratius.dispatcher:
          - {encrypted['address']}
"""
    )
    arguments = ['portmatrix.firewall.plan', '-i', 'inventory.yml']
    code, output = ansible_runs.run(tmp_path, *arguments, '--vault-password-file', 'password')
    assert code == 0, output
    host = json.loads((tmp_path / 'portmatrix-plan.json').read_text())['hosts']['a']
    assert (host['components'], host['addresses']) == (['enstratius.mysql'], ['192.0.2.1'])
    assert {
        (tuple(rule['ports']), tuple(rule['peers'])) for rule in host['rules'] if rule['direction'] == 'ingress'
    } == {(('16000',), ('203.0.113.7/32',))}
    code, output = ansible_runs.run(tmp_path, *arguments)
    assert code != 0 and 'Traceback' not in output and 'vault' in output


def files(folder, contents):
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(data if isinstance(data, str) else yaml.safe_dump(data))


def test_groups_in_files_beside_the_inventory_are_united_too(tmp_path):
    files(
        tmp_path,
        {
            'hosts.ini': '[one]\na ansible_host=192.0.2.1\n[two]\na\n',
            'group_vars/one.yml': {'portmatrix_components': ['enstratius.riak'], 'portmatrix_management_ports': [2222]},
            'group_vars/two/x.yml': {'portmatrix_components': ['enstratius.mysql'], **SKIP},
            'group_vars/all/main.yml': {'portmatrix_management_ports': [2200]},
        },
    )
    code, output = ansible_runs.run(tmp_path, 'portmatrix.firewall.plan', '-i', 'hosts.ini')
    assert code == 0, output
    host = json.loads((tmp_path / 'portmatrix-plan.json').read_text())['hosts']['a']
    assert host['components'] == ['enstratius.mysql', 'enstratius.riak']
    assert ['22', '2200', '2222'] in [rule['ports'] for rule in host['baseline']]


def test_what_ansible_takes_against_the_nearest_group_is_refused(tmp_path):
    """A file of group_vars wins over the inventory file, even that of an outer group."""
    files(
        tmp_path,
        {
            'hosts.ini': '[inner]\na ansible_host=192.0.2.1\n[inner:vars]\nportmatrix_egress=deny\n',
            'group_vars/all.yml': {'portmatrix_egress': 'allow', 'portmatrix_components': ['enstratius.api'], **SKIP},
        },
    )
    code, output = ansible_runs.run(tmp_path, 'portmatrix.firewall.plan', '-i', 'hosts.ini')
    assert code != 0
    assert 'a: portmatrix_egress: the groups all and inner of this host contradict each other' in ' '.join(
        output.split()
    )


@pytest.mark.parametrize('where', ['extra', 'play', 'include_vars'])
def test_what_people_set_above_groups_wins_over_them(where, tmp_path):
    groups = {
        'one': {'hosts': {'a': {}}, 'vars': {'portmatrix_egress': 'deny'}},
        'two': {'hosts': {'a': {}}, 'vars': {'portmatrix_egress': 'allow'}},
    }
    own = {'portmatrix_egress': 'deny', **SKIP}
    (tmp_path / 'own.yml').write_text(yaml.safe_dump(own))
    include = [{'ansible.builtin.include_vars': 'own.yml'}] if where == 'include_vars' else []
    task = {'portmatrix.firewall.plan': {'path': 'plan.json', 'table': False}, 'delegate_to': 'localhost'}
    play = {'hosts': 'all', 'gather_facts': False, 'tasks': [*include, task], 'vars': own if where == 'play' else {}}
    (tmp_path / 'site.yml').write_text(yaml.safe_dump([play]))
    extra = ['-e', '@own.yml'] if where == 'extra' else []
    code, output = ansible_runs.play(tmp_path, 'site.yml', {'hosts': {'a': API}, 'children': groups}, *extra)
    assert code == 0, output
    assert json.loads((tmp_path / 'plan.json').read_text())['hosts']['a']['rules']


@pytest.mark.parametrize('name', ['portmatrix_managment_ports', 'enstratius_api_prot'])
@pytest.mark.parametrize('where', ['extra', 'play'])
def test_a_misspelt_variable_is_found_wherever_it_is_set(where, name, tmp_path):
    task = {'portmatrix.firewall.plan': {'table': False}, 'delegate_to': 'localhost'}
    play = {'hosts': 'all', 'gather_facts': False, 'tasks': [task], 'vars': {name: 1} if where == 'play' else {}}
    (tmp_path / 'site.yml').write_text(yaml.safe_dump([play]))
    extra = ['-e', json.dumps({name: 1})] if where == 'extra' else []
    code, output = ansible_runs.play(tmp_path, 'site.yml', {'hosts': {'a': API}, 'vars': SKIP}, *extra)
    assert code != 0 and f'a: {name}: ' in output and 'did you mean' in output


def test_variables_of_other_collections_are_left_alone(tmp_path):
    other = {'enstratius_version': '5.0', 'enstratius_backup_dir': '/b', 'rightscale_token': 'x', 'my_portmatrix_x': 1}
    _plan, output = ansible_runs.plan(tmp_path, {'hosts': {'a': {**API, **other}}, 'vars': SKIP})
    assert 'no such option' not in output


@pytest.mark.parametrize('playbook', ['harden', 'release', 'render'])
def test_a_host_that_is_not_managed_is_skipped(playbook, tmp_path):
    inventory = {'hosts': {'a': {**API, 'portmatrix_managed': False}, 'b': {'portmatrix_managed': 'no'}}, 'vars': SKIP}
    code, output = ansible_runs.play(tmp_path, f'portmatrix.firewall.{playbook}', inventory)
    assert code == 0 and 'skipping: [a]' in output and 'skipping: [b]' in output, output


@pytest.mark.parametrize('playbook', ['plan', 'render'])
def test_warnings_that_hosts_have_in_common_are_shown_once(playbook, tmp_path):
    database = {'portmatrix_components': ['enstratius.mysql']}
    hosts = {f'h{number}': {**database, 'ansible_host': f'192.0.2.{number}'} for number in range(1, 9)}
    code, output = ansible_runs.play(tmp_path, f'portmatrix.firewall.{playbook}', {'hosts': hosts, 'vars': SKIP})
    assert code == 0, output
    said = ' '.join(output.split())
    number = said.count('portmatrix_unresolved is skip, so there is no ingress rule for it')
    assert number == said.count('[WARNING]: h1, h2, h3, h4, h5 and 3 others: enstratius.') > 1


def test_the_example_of_the_documentation(tmp_path):
    text = (Path(__file__).parents[2] / 'docs' / 'inventory.md').read_text()
    inventory = yaml.safe_load(text.split('```yaml\n')[1].split('```')[0])['all']
    skip = {**inventory['vars'], **SKIP}
    plan, output = ansible_runs.plan(tmp_path, {**inventory, 'vars': skip})
    assert sorted(plan['hosts']) == sorted(
        [f'prod-{name}' for name in ('ctl1', 'ctl2', 'se1', 'se2', 'se3')]
        + [f'staging-{name}' for name in ('ctl1', 'ctl2', 'se1')]
        + ['clock1']
    )
    peers = {
        (name, rule['peer']): rule['peers']
        for name, host in plan['hosts'].items()
        for rule in host['rules']
        if rule['direction'] == 'ingress'
    }
    assert peers['prod-ctl1', 'avi_vantage.service_engine'] == ['10.2.0.31/32', '10.2.0.32/32', '198.51.100.31/32']
    assert peers['staging-ctl2', 'avi_vantage.service_engine'] == ['198.51.100.41/32']
    assert peers['staging-ctl1', 'avi_vantage.external_client'] == ['192.0.2.200/32']
    assert len(peers['clock1', 'avi_vantage.controller']) == 4
    assert 'misspelt' not in output


def test_the_constructed_inventory_of_the_documentation(tmp_path):
    text = (Path(__file__).parents[2] / 'docs' / 'inventory.md').read_text()
    hosts = {
        f'i{number}': {
            'ansible_host': f'203.0.113.{number}',
            'private_ip_address': f'10.0.0.{number}',
            'tags': {'role': role, 'environment': environment},
        }
        for number, (role, environment) in enumerate(
            [
                ('avi_vantage_controller', 'prod'),
                ('avi_vantage_service_engine', 'prod'),
                ('avi_vantage_controller', 'test'),
                ('avi_vantage_service_engine', 'test'),
            ],
            start=1,
        )
    }
    files(
        tmp_path,
        {
            'inventory/1-cloud.yml': {'all': {'hosts': hosts, 'vars': SKIP}},
            'inventory/2-constructed.yml': text.split('```yaml\n')[2].split('```')[0],
        },
    )
    code, output = ansible_runs.run(tmp_path, 'portmatrix.firewall.plan', '-i', 'inventory')
    assert code == 0, output
    plan = json.loads((tmp_path / 'portmatrix-plan.json').read_text())['hosts']
    assert plan['i1']['deployments'] == {'avi_vantage': ['prod']} and plan['i3']['addresses'] == ['10.0.0.3']
    assert {tuple(rule['peers']) for rule in plan['i3']['rules'] if rule['direction'] == 'ingress'} == {
        ('10.0.0.4/32',)
    }


def test_a_large_public_shape_with_two_deployments(tmp_path):
    """Groups within groups, a host in several of them, variables in files: how Kubernetes and Ceph are inventoried."""
    (tmp_path / 'kube.yml').write_text(KUBE)
    files(
        tmp_path,
        {
            'inventory/hosts': KUBE_HOSTS,
            'inventory/group_vars/all/main.yml': {'portmatrix_catalogs': ['kube.yml'], 'ansible_user': 'root'},
            'inventory/group_vars/k8s_cluster.yml': {'portmatrix_components': ['kube.member'], 'kube_version': '1.34'},
            'inventory/group_vars/etcd.yml': {'portmatrix_components': ['kube.etcd']},
            'inventory/group_vars/staging.yml': {'portmatrix_deployment': 'staging'},
            'inventory/group_vars/prod.yml': {'portmatrix_deployment': 'prod'},
        },
    )
    code, output = ansible_runs.run(tmp_path, 'portmatrix.firewall.plan', '-i', 'inventory')
    assert code == 0, output
    hosts = json.loads((tmp_path / 'portmatrix-plan.json').read_text())['hosts']
    assert hosts['p1']['components'] == ['kube.control_plane', 'kube.etcd', 'kube.member', 'kube.node']
    peers = {
        (name, rule['flow']): rule['peers']
        for name, host in hosts.items()
        for rule in host['rules']
        if rule['direction'] == 'ingress'
    }
    assert peers['p1', 'kube/etcd-peers'] == ['192.0.2.2/31']
    assert peers['s1', 'kube/overlay'] == ['192.0.2.12/31']
    assert peers['p4', 'kube/kubelet'] == ['192.0.2.1/32', '192.0.2.2/32']


KUBE_HOSTS = """
[all]
p1 ansible_host=192.0.2.1 ip=192.0.2.1 etcd_member_name=etcd1
p2 ansible_host=192.0.2.2
p3 ansible_host=192.0.2.3
p4 ansible_host=192.0.2.4
s1 ansible_host=192.0.2.11
s2 ansible_host=192.0.2.12
s3 ansible_host=192.0.2.13

[kube_control_plane]
p1
p2
s1

[etcd]
p1
p2
p3
s1

[kube_node]
p1
p3
p4
s2
s3

[k8s_cluster:children]
kube_control_plane
kube_node

[prod]
p[1:4]

[staging]
s[1:3]
"""
KUBE = """
product: kube
title: Cluster
documents: {ports: {title: Ports, version: 1.34, retrieved: 2026-11-30}}
components:
  control_plane: {title: Control plane}
  etcd: {title: Store}
  node: {title: Node}
  member: {title: Every member}
flows:
  - {id: api, title: API, source: member, destination: control_plane, protocol: tcp, ports: [6443],
     citations: [{document: ports, section: Control plane, row: 1}]}
  - {id: etcd, title: Store, source: control_plane, destination: etcd, protocol: tcp, ports: [2379],
     citations: [{document: ports, section: Control plane, row: 2}]}
  - {id: etcd-peers, title: Replication, source: etcd, destination: etcd, protocol: tcp, ports: [2380],
     citations: [{document: ports, section: Control plane, row: 2}]}
  - {id: kubelet, title: Kubelet, source: control_plane, destination: node, protocol: tcp, ports: [10250],
     citations: [{document: ports, section: Nodes, row: 1}]}
  - {id: overlay, title: Pods, source: member, destination: member, protocol: udp, ports: [8472],
     citations: [{document: ports, section: Nodes, row: 2}]}
"""
