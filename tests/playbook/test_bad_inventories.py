"""Wrong inventories: one error that names the host, the key and the fix, before a connection to any host."""

from __future__ import annotations

from pathlib import Path

import ansible_runs
import pytest
import yaml

CASES = yaml.safe_load((Path(__file__).parent / 'cases' / 'bad_inventories.yml').read_text())


# both take the same way as far as this; harden, which must not connect, for every third case
RUNS = [
    (case, playbook)
    for number, case in enumerate(CASES)
    for playbook in case.get('playbooks', ['plan', 'harden'] if number % 3 == 0 else ['plan'])
]


@pytest.mark.parametrize(('case', 'playbook'), RUNS, ids=[f'{case["name"]}-{playbook}' for case, playbook in RUNS])
def test_bad_inventory_is_refused(case, playbook, tmp_path):
    inventory = {key: case[key] for key in ('hosts', 'vars', 'children') if key in case}
    code, output = ansible_runs.play(tmp_path, f'portmatrix.firewall.{playbook}', inventory)
    assert code != 0, output
    message = ansible_runs.message(output)
    for text in case['expect']:
        assert text in message, output
    assert (
        'UNREACHABLE' not in output and 'Traceback' not in output and not (tmp_path / 'portmatrix-plan.json').exists()
    )


def test_a_catalog_that_does_not_load_stops_the_run(tmp_path):
    (tmp_path / 'acme.yml').write_text('product: [')
    inventory = {
        'hosts': {'a': {'ansible_host': '192.0.2.1', 'portmatrix_components': ['enstratius.api']}},
        'vars': {'portmatrix_catalogs': ['acme.yml']},
    }
    code, output = ansible_runs.play(tmp_path, 'portmatrix.firewall.harden', inventory)
    assert code != 0 and f'{tmp_path}/acme.yml: not valid YAML' in ansible_runs.message(output)


def test_variables_of_a_play_that_other_hosts_do_not_have_are_refused(tmp_path):
    (tmp_path / 'site.yml').write_text(
        yaml.safe_dump(
            [
                {
                    'hosts': 'all',
                    'gather_facts': False,
                    'vars': {'enstratius_api_port': 16000},
                    'roles': [{'role': 'portmatrix.firewall.enstratius'}],
                }
            ]
        )
    )
    inventory = {'hosts': {'a': {'ansible_host': '192.0.2.1', 'portmatrix_components': ['enstratius.api']}}}
    code, output = ansible_runs.play(tmp_path, 'site.yml', inventory)
    assert code != 0
    assert (
        'a: enstratius_api_port: must be the same for all hosts, got 16000 in this task and 15443 in the inventory; '
        'set it in the inventory' in ansible_runs.message(output)
    )


@pytest.mark.parametrize(
    'role, options, expected',
    [
        ('enstratius', {'enstratius_api_port': 'many'}, 'enstratius_api_port'),
        ('rivermeadow', {'rivermeadow_migration_types': ['os']}, 'os_based, vm_based'),
    ],
)
def test_a_role_checks_its_options(tmp_path, role, options, expected):
    (tmp_path / 'site.yml').write_text(
        yaml.safe_dump([{'hosts': 'all', 'gather_facts': False, 'roles': [{'role': f'portmatrix.firewall.{role}'}]}])
    )
    code, output = ansible_runs.play(tmp_path, 'site.yml', {'hosts': {'a': {'ansible_host': '192.0.2.1', **options}}})
    assert code != 0 and 'Validating arguments against arg spec' in output and expected in output


ONE_API = {'portmatrix_addresses': ['192.0.2.1'], 'portmatrix_components': ['enstratius.api']}


def play_task(tmp_path, host, task, *arguments):
    """(return code, message) of TASK on one host with the variables HOST."""
    (tmp_path / 'site.yml').write_text(yaml.safe_dump([{'hosts': 'a', 'gather_facts': False, 'tasks': [task]}]))
    inventory = {'hosts': {'a': host, 'b': {'ansible_connection': 'local'}}, 'vars': NOBODY_ELSE}
    code, output = ansible_runs.play(tmp_path, 'site.yml', inventory, *arguments)
    return code, ansible_runs.message(output) if code else output


NOBODY_ELSE = {
    'portmatrix_peers': {
        f'enstratius.{name}': [] for name in ('console', 'dispatcher', 'key_manager', 'mysql', 'monitor')
    }
}


@pytest.mark.parametrize('state', ['enforced', 'absent', 'gathered'])
@pytest.mark.parametrize('delegate', [{'delegate_to': 'b'}, {'delegate_to': 'localhost', 'connection': 'local'}])
def test_a_policy_for_one_host_is_not_applied_to_another(state, delegate, tmp_path):
    task = {'portmatrix.firewall.policy': {'state': state}, **delegate}
    code, message = play_task(tmp_path, {**ONE_API, 'ansible_host': '192.0.2.1'}, task, '--check')
    assert code != 0 and f'a: delegate_to: {delegate["delegate_to"]} would get the policy of a' in message


def test_what_is_only_rendered_may_be_delegated(tmp_path):
    task = {'portmatrix.firewall.policy': {'state': 'rendered'}, 'delegate_to': 'localhost', 'connection': 'local'}
    code, message = play_task(tmp_path, ONE_API, task)
    assert code == 0, message


@pytest.mark.parametrize('arguments', [('--check',), ()])
@pytest.mark.parametrize('state', ['enforced', 'absent'])
def test_a_connection_that_passes_no_firewall_confirms_nothing(state, arguments, tmp_path):
    task = {'portmatrix.firewall.policy': {'state': state}}
    code, message = play_task(tmp_path, {**ONE_API, 'ansible_connection': 'local'}, task, *arguments)
    assert code != 0 and 'a: the connection local does not reach the host through its firewall' in message
    assert 'set portmatrix_confirm_timeout: 0' in message
