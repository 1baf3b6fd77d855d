"""Plans of small inventories, made by ansible-playbook, in a short notation."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import ansible_runs
import pytest
import yaml
from inventories import SMALL

CASES = Path(__file__).parent / 'cases'
PLANS = yaml.safe_load((CASES / 'plans.yml').read_text())


def notation(rule) -> str:
    """direction protocol/ports peer: peers [flows]"""
    ports = '/' + ','.join(rule['ports']) if rule['ports'] else ''
    peers, flows = ' '.join(rule['peers']), ' '.join(rule['flows'])
    return f"{rule['direction']} {rule['protocol']}{ports} {rule['peer']}: {peers} [{flows}]"


@pytest.mark.parametrize('case', PLANS, ids=lambda case: case['name'])
def test_plan(case, tmp_path):
    if 'copy' in case:
        shutil.copy(CASES / case['copy'], tmp_path)
    plan, output = ansible_runs.plan(tmp_path, {key: case[key] for key in ('hosts', 'vars', 'children') if key in case})
    for host, rules in case['rules'].items():
        assert [notation(rule) for rule in plan['hosts'][host]['rules']] == rules
    for key in ('deployments', 'components', 'addresses'):
        for host, expected in case.get(key, {}).items():
            assert plan['hosts'][host][key] == expected
    for host, expected in case.get('baseline', {}).items():
        assert set(expected) <= set(baseline(plan, host))
    for host, expected in case.get('flows', {}).items():
        assert set(expected) <= {flow for rule in plan['hosts'][host]['rules'] for flow in rule['flows']}
    for text in case.get('output', ()):
        assert text in ' '.join(output.split())
    for host, expected in case.get('warnings', {}).items():
        for text in expected:
            assert text in '\n'.join(plan['hosts'][host]['warnings'])
    for host, unexpected in case.get('no_warnings', {}).items():
        assert not any(text in '\n'.join(plan['hosts'][host]['warnings']) for text in unexpected)
    for host, expected in case.get('citations', {}).items():
        rules = {
            f"{rule['protocol']}/{','.join(rule['ports'])} {rule['direction']}": [
                entry['row'] for entry in rule['citations']
            ]
            for rule in plan['hosts'][host]['rules']
        }
        for rule, rows in expected.items():
            assert rules[rule] == rows
    assert f'{len(plan["hosts"])} hosts, ' in output


def test_the_plan_file_has_its_documented_format(tmp_path):
    plan, _output = ansible_runs.plan(tmp_path, SMALL)
    assert plan['format'] == 1 and sorted(plan['hosts']) == ['ctl1', 'se1']
    assert len(plan['catalogs']['avi_vantage']['sha256']) == 64
    host = plan['hosts']['ctl1']
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
    ansible_runs.plan(tmp_path, SMALL)
    first = (tmp_path / 'portmatrix-plan.json').read_bytes()
    _plan, output = ansible_runs.plan(tmp_path, SMALL)
    assert (tmp_path / 'portmatrix-plan.json').read_bytes() == first and 'changed=0' in output


def test_check_mode_writes_no_plan_and_reports_a_change(tmp_path):
    code, output = ansible_runs.play(tmp_path, 'portmatrix.firewall.plan', SMALL, '--check', '--diff')
    assert code == 0 and 'changed=1' in output and '+ "format": 1' in output
    assert not (tmp_path / 'portmatrix-plan.json').exists()


def test_a_limited_plan_keeps_the_peers_of_the_whole_inventory(tmp_path):
    whole, _output = ansible_runs.plan(tmp_path, SMALL)
    limited, _output = ansible_runs.plan(tmp_path, SMALL, '--limit', 'ctl1')
    assert list(limited['hosts']) == ['ctl1'] and limited['hosts']['ctl1'] == whole['hosts']['ctl1']


def test_an_exported_address_book_replaces_the_rest_of_the_inventory(tmp_path):
    whole, _output = ansible_runs.plan(tmp_path, SMALL, '-e', 'portmatrix_address_book_file=book.json')
    part = {
        **SMALL,
        'hosts': {'ctl1': SMALL['hosts']['ctl1']},
        'vars': {
            **SMALL['vars'],
            'portmatrix_address_book': str(tmp_path / 'book.json'),
            'awx_job_launch_type': 'workflow',
            'awx_workflow_job_name': 'x',
            'awx_job_template_name': 'x',
        },
    }
    sliced, _output = ansible_runs.plan(tmp_path, part)
    assert sliced['hosts'] == {'ctl1': whole['hosts']['ctl1']}


def test_an_address_book_that_knows_no_deployments_does_not_join_them(tmp_path):
    hosts = {name: {**values, 'portmatrix_deployment': name[0]} for name, values in SMALL['hosts'].items()}
    inventory = {**SMALL, 'hosts': hosts, 'vars': {**SMALL['vars'], 'portmatrix_unresolved': 'skip'}}
    ansible_runs.plan(tmp_path, inventory, '-e', 'portmatrix_address_book_file=book.json')
    book = json.loads((tmp_path / 'book.json').read_text())
    for host in book['hosts'].values():
        del host['deployments']
    (tmp_path / 'old.json').write_text(json.dumps(book))
    for name, expected in (
        ('book.json', None),
        ('old.json', "ctl1: avi_vantage_deployment: must be the same for all hosts"),
    ):
        arguments = ['-e', f'portmatrix_address_book={tmp_path}/{name}']
        code, output = ansible_runs.play(tmp_path, 'portmatrix.firewall.plan', inventory, *arguments)
        assert bool(code) == bool(expected) and (expected or '') in ' '.join(output.split()), output


def baseline(plan, host):
    return [notation(rule) for rule in plan['hosts'][host]['baseline']]


@pytest.mark.parametrize(
    ('variables', 'rule', 'counted'),
    [
        ({}, 'ingress tcp/22 management: any [management]', 1),
        ({'ansible_port': 2222}, 'ingress tcp/2222 management: any [management]', 1),
        (
            {'portmatrix_management_sources': ['192.0.2.0/28'], 'portmatrix_management_ports': [8006]},
            'ingress tcp/22,8006 management: 192.0.2.0/28 [management]',
            0,
        ),
        (
            {'portmatrix_platform': 'windows', 'ansible_connection': 'winrm'},
            'ingress tcp/5986 management: any [management]',
            1,
        ),
    ],
)
def test_what_a_host_gets_beside_its_products_is_planned_and_counted(variables, rule, counted, tmp_path):
    """Beside it, the baseline opens ICMP and ICMPv6 to any."""
    inventory = {**SMALL, 'hosts': {'se1': SMALL['hosts']['se1'], 'ctl1': {**SMALL['hosts']['ctl1'], **variables}}}
    plan, output = ansible_runs.plan(tmp_path, inventory)
    assert rule in baseline(plan, 'ctl1')
    assert any(entry.endswith('[baseline/icmp-in]') for entry in baseline(plan, 'ctl1'))
    open_to_any = sum(
        entry['direction'] == 'ingress' and entry['peers'] == ['any']
        for host in plan['hosts'].values()
        for entry in (*host['rules'], *host['baseline'])
    )
    assert f' {open_to_any} ingress rules open to any' in output
    management = [entry for entry in plan['hosts']['ctl1']['baseline'] if entry['flows'] == ['management']]
    assert sum(entry['peers'] == ['any'] for entry in management) == counted


def test_a_jump_host_gets_what_others_need_of_it(tmp_path):
    inventory = {
        **SMALL,
        'hosts': {
            'ctl1': {
                **SMALL['hosts']['ctl1'],
                'portmatrix_egress': 'deny',
                'portmatrix_unresolved': 'skip',
            },
            'se1': {**SMALL['hosts']['se1'], 'ansible_ssh_common_args': '-J ops@ctl1', 'ansible_port': 2222},
            # a host without a component, by a name that nobody resolves
            'tape': {
                'ansible_host': '192.0.2.99',
                'ansible_ssh_extra_args': '-o ProxyCommand="ssh -W %h:%p 192.0.2.1"',
            },
        },
    }
    plan, _output = ansible_runs.plan(tmp_path, inventory)
    jumps = [rule for rule in baseline(plan, 'ctl1') if 'egress' in rule and '[management]' in rule]
    assert jumps == [
        'egress tcp/22 management: 192.0.2.99/32 [management]',
        'egress tcp/2222 management: 192.0.2.2/32 [management]',
    ]


def test_the_output_shows_host_direction_port_peer_flow_and_citation(tmp_path):
    _plan, output = ansible_runs.plan(tmp_path, SMALL)
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
