"""Plans of small inventories, through ansible-playbook, in words that a network person reads."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import ansible_runs
import pytest
import yaml

CASES = Path(__file__).parent / 'cases'
PLANS = yaml.safe_load((CASES / 'plans.yml').read_text())


def words(rule) -> str:
    ports = '/' + ','.join(rule['ports']) if rule['ports'] else ''
    peers, flows = ' '.join(rule['peers']), ' '.join(rule['flows'])
    return f"{rule['direction']} {rule['protocol']}{ports} {rule['peer']}: {peers} [{flows}]"


@pytest.mark.parametrize('case', PLANS, ids=lambda case: case['name'])
def test_plan(case, tmp_path):
    if 'copy' in case:
        shutil.copy(CASES / case['copy'], tmp_path)
    found, output = ansible_runs.plan(
        tmp_path, {key: case[key] for key in ('hosts', 'vars', 'children') if key in case}
    )
    for host, rules in case['rules'].items():
        assert [words(rule) for rule in found['hosts'][host]['rules']] == rules
    for host, expected in case.get('warnings', {}).items():
        for text in expected:
            assert text in '\n'.join(found['hosts'][host]['warnings'])
    for host, unexpected in case.get('no_warnings', {}).items():
        assert not any(text in '\n'.join(found['hosts'][host]['warnings']) for text in unexpected)
    for host, expected in case.get('citations', {}).items():
        rules = {
            f"{rule['protocol']}/{','.join(rule['ports'])} {rule['direction']}": [
                entry['row'] for entry in rule['citations']
            ]
            for rule in found['hosts'][host]['rules']
        }
        for rule, rows in expected.items():
            assert rules[rule] == rows
    assert f'{len(found["hosts"])} hosts, ' in output


INVENTORY = {
    'hosts': {
        'ctl1': {'ansible_host': '192.0.2.1', 'portmatrix_components': ['avi_vantage.controller']},
        'se1': {'ansible_host': '192.0.2.2', 'portmatrix_components': ['avi_vantage.service_engine']},
        'other': {'ansible_host': '192.0.2.3'},
    },
    'vars': {'portmatrix_peers': {'avi_vantage.external_client': ['203.0.113.0/24']}},
}


def test_the_plan_file_has_the_form_that_others_read(tmp_path):
    found, _output = ansible_runs.plan(tmp_path, INVENTORY)
    assert found['format'] == 1 and sorted(found['hosts']) == ['ctl1', 'se1']
    assert len(found['catalogs']['avi_vantage']['sha256']) == 64
    host = found['hosts']['ctl1']
    assert (host['platform'], host['components'], host['addresses']) == (
        'linux',
        ['avi_vantage.controller'],
        ['192.0.2.1'],
    )
    rule = next(rule for rule in host['rules'] if rule['flow'] == 'avi_vantage/se-https')
    assert rule == {
        'flow': 'avi_vantage/se-https',
        'flows': ['avi_vantage/se-https'],
        'direction': 'ingress',
        'protocol': 'tcp',
        'ports': ['8443'],
        'peer': 'avi_vantage.service_engine',
        'peers': ['192.0.2.2/32'],
        'assumed': False,
        'citations': [
            {
                'document': 'management-ports',
                'section': 'Protocol Ports Used by Avi Vantage for Management Communication',
                'row': '3 Avi Service Engine to Avi Controller',
            }
        ],
    }


def test_a_second_plan_writes_the_same_bytes_and_changes_nothing(tmp_path):
    ansible_runs.plan(tmp_path, INVENTORY)
    first = (tmp_path / 'portmatrix-plan.json').read_bytes()
    _found, output = ansible_runs.plan(tmp_path, INVENTORY)
    assert (tmp_path / 'portmatrix-plan.json').read_bytes() == first and 'changed=0' in output


def test_check_mode_writes_no_plan_and_says_that_it_would(tmp_path):
    code, output = ansible_runs.play(tmp_path, 'portmatrix.firewall.plan', INVENTORY, '--check', '--diff')
    assert code == 0 and 'changed=1' in output and '+ "format": 1' in output
    assert not (tmp_path / 'portmatrix-plan.json').exists()


def test_a_limited_plan_keeps_the_peers_of_the_whole_inventory(tmp_path):
    whole, _output = ansible_runs.plan(tmp_path, INVENTORY)
    limited, _output = ansible_runs.plan(tmp_path, INVENTORY, '--limit', 'ctl1')
    assert list(limited['hosts']) == ['ctl1'] and limited['hosts']['ctl1'] == whole['hosts']['ctl1']


def test_an_exported_address_book_stands_in_for_the_rest_of_the_inventory(tmp_path):
    whole, _output = ansible_runs.plan(tmp_path, INVENTORY, '-e', 'portmatrix_address_book_file=book.json')
    part = {
        **INVENTORY,
        'hosts': {'ctl1': INVENTORY['hosts']['ctl1']},
        'vars': {
            **INVENTORY['vars'],
            'portmatrix_address_book': str(tmp_path / 'book.json'),
            'awx_job_launch_type': 'workflow',
            'awx_workflow_job_name': 'x',
            'awx_job_template_name': 'x',
        },
    }
    sliced, _output = ansible_runs.plan(tmp_path, part)
    assert sliced['hosts'] == {'ctl1': whole['hosts']['ctl1']}


def test_the_terminal_shows_host_direction_port_peer_flow_and_citation(tmp_path):
    _found, output = ansible_runs.plan(tmp_path, INVENTORY)
    line = next(line for line in output.splitlines() if 'avi_vantage/se-https' in line and line.startswith('ctl1'))
    assert (
        line.split('  ')[0] == 'ctl1'
        and ' ingress ' in line
        and ' 8443/tcp ' in line
        and ' avi_vantage.service_engine 192.0.2.2 ' in line
    )
    assert line.endswith(
        'management-ports, Protocol Ports Used by Avi Vantage for Management Communication, 3 Avi Service Engine to '
        'Avi Controller'
    )
    assert (
        '- avi_vantage: The headings OpenStack, VMware vCenter' in output
        and '- avi_vantage/external-ssh: This row names 22 only' in output
    )
    assert '2 hosts, ' in output and 'open to any' in output and 'components unresolved' in output


def rendered(folder, backend):
    """path -> content of what the module renders for ctl1."""
    tasks = [
        {'portmatrix.firewall.policy': {'state': 'rendered', 'egress': 'deny', 'backend': backend}, 'register': 'out'},
        {
            'ansible.builtin.copy': {'content': '{{ out | to_json }}', 'dest': str(folder / 'out.json')},
            'delegate_to': 'localhost',
            'connection': 'local',
        },
    ]
    (folder / 'site.yml').write_text(yaml.safe_dump([{'hosts': 'ctl1', 'gather_facts': False, 'tasks': tasks}]))
    code, output = ansible_runs.play(
        folder, 'site.yml', {**INVENTORY, 'vars': {**INVENTORY['vars'], 'portmatrix_unresolved': 'skip'}}
    )
    assert code == 0, output
    return {entry['path']: entry['content'] for entry in json.loads((folder / 'out.json').read_text())['rendered']}


def test_rendered_for_firewalld_needs_no_host(tmp_path):
    files = rendered(tmp_path, 'auto')
    assert {'/etc/firewalld/policies/portmatrix-in.xml', '/etc/firewalld/policies/portmatrix-out.xml'} <= set(files)
    rule = '<rule family="ipv4"><source address="192.0.2.2"/><port port="8443" protocol="tcp"/><accept/></rule>'
    assert rule in files['/etc/firewalld/policies/portmatrix-in.xml']


def test_rendered_for_ufw_needs_no_host(tmp_path):
    files = rendered(tmp_path, 'ufw')
    assert (
        '-A ufw-user-input -p tcp -m multiport --dports 22,8443 -s 192.0.2.2 -j ACCEPT\n'
        in files['/etc/ufw/user.rules']
    )
    assert '-A ufw-before-output -p icmp -j ACCEPT\n' in files['/etc/ufw/before.rules']
    assert '# avi_vantage/se-https = ' in files['/etc/ufw/before.rules']
    assert 'ENABLED=yes' in files['/etc/ufw/ufw.conf'] and 'DEFAULT_OUTPUT_POLICY="REJECT"' in files['/etc/default/ufw']
    assert {'/etc/ufw/user6.rules', '/etc/ufw/before6.rules'} <= set(files)


@pytest.mark.parametrize(
    'query, expected',
    [
        (
            "query('portmatrix.firewall.flows', 'rivermeadow', query=\"[?optional].id\")",
            ['os-utility-smb', 'os-utility-winrm', 'os-utility-ssh'],
        ),
        ("query('portmatrix.firewall.flows', query='[?assumed].flow') | length", 4),
        (
            "query('portmatrix.firewall.flows', 'rightscale', 'enstratius') | map(attribute='product') | unique",
            ['rightscale', 'enstratius'],
        ),
        ("query('portmatrix.firewall.flows') | length", 110),
    ],
)
def test_lookup(query, expected, tmp_path):
    (tmp_path / 'site.yml').write_text(
        yaml.safe_dump(
            [
                {
                    'hosts': 'localhost',
                    'connection': 'local',
                    'gather_facts': False,
                    'tasks': [
                        {
                            'ansible.builtin.copy': {
                                'content': '{{ ' + query + ' | to_json }}',
                                'dest': str(tmp_path / 'out.json'),
                            }
                        }
                    ],
                }
            ]
        )
    )
    code, output = ansible_runs.play(tmp_path, 'site.yml', {'hosts': {'localhost': {}}})
    assert code == 0, output
    assert json.loads((tmp_path / 'out.json').read_text()) == expected


def test_lookup_refuses_a_bad_query_and_an_unknown_product(tmp_path):
    for query, words_ in (
        ("'rightscale', query='[?'", 'is not a valid JMESPath expression'),
        ("'rihgtscale'", "unknown product 'rihgtscale'; choose from avi_vantage"),
    ):
        (tmp_path / 'site.yml').write_text(
            yaml.safe_dump(
                [
                    {
                        'hosts': 'localhost',
                        'connection': 'local',
                        'gather_facts': False,
                        'tasks': [
                            {
                                'ansible.builtin.debug': {
                                    'msg': "{{ query('portmatrix.firewall.flows', " + query + ') }}'
                                }
                            }
                        ],
                    }
                ]
            )
        )
        code, output = ansible_runs.play(tmp_path, 'site.yml', {'hosts': {'localhost': {}}})
        assert code != 0 and words_ in output
