"""A host answers with facts. None of them decides anything: neither for other hosts, nor for the controller."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import ansible_runs
import pytest
import yaml
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._inventory import variable_names

PLUGINS = Path(__file__).parents[2] / 'plugins'
# a module as a host that lies would answer it
LIAR = """
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({'facts': {'type': 'dict'}})
module.exit_json(ansible_facts=module.params['facts'])
"""
# Ansible itself drops facts with these names, and sets the magic variables
OF_ANSIBLE = {
    'ansible_connection',
    'ansible_shell_type',
    'ansible_host',
    'ansible_port',
    'inventory_dir',
    'group_names',
}
BY_FACT = {
    'portmatrix_hosts',
    'portmatrix_plan_file',
    'portmatrix_address_book_file',
    'portmatrix_render_folder',
    'portmatrix_render_by',
}
INVENTORY = {
    'hosts': {
        'honest': {'ansible_host': '192.0.2.1', 'portmatrix_components': ['enstratius.api']},
        'liar': {'ansible_host': '192.0.2.2', 'portmatrix_components': ['enstratius.console']},
    },
    'vars': {'portmatrix_peers': {'enstratius.dispatcher': []}},
}


def variables_that_are_read():
    """Every name that a plugin reads from the variables of a host: the first text in a call of `get`, `read_choice` or
    `read_flag` that has to do with variables."""
    names = set()
    for path in PLUGINS.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or 'variables' not in ast.unparse(node)[:40]:
                continue
            name = ast.unparse(node.func)
            texts = [item.value for item in node.args if isinstance(item, ast.Constant) and isinstance(item.value, str)]
            if name.rpartition('.')[2] in ('get', 'read_choice', 'read_flag') and texts and not name.startswith('data'):
                names.add(texts[0])
    return names - {'ansible_facts'}


def play_each(tmp_path, names, task):
    """The output of a run in which every host sets one of NAMES by a fact, then TASK runs; for one name at a time."""
    (tmp_path / 'library').mkdir()
    (tmp_path / 'library' / 'answer.py').write_text(LIAR)
    tasks = [
        {'answer': {'facts': '{{ {claim: ["enstratius.api"]} }}'}, 'vars': {'ansible_connection': 'local'}},
        {**task, 'ignore_errors': True, 'register': 'result', 'when': 'inventory_hostname == "honest"'},
        {
            'ansible.builtin.assert': {'that': ['result is failed', 'claim ~ ": set by a module" in result.msg']},
            'when': 'inventory_hostname == "honest"',
        },
        {'ansible.builtin.meta': 'clear_facts'},
    ]
    (tmp_path / 'one.yml').write_text(yaml.safe_dump(tasks))
    loop = {'ansible.builtin.include_tasks': 'one.yml', 'loop': sorted(names), 'loop_control': {'loop_var': 'claim'}}
    (tmp_path / 'site.yml').write_text(yaml.safe_dump([{'hosts': 'all', 'gather_facts': False, 'tasks': [loop]}]))
    return ansible_runs.play(tmp_path, 'site.yml', INVENTORY)


def test_no_fact_sets_a_variable_that_a_plugin_reads(tmp_path):
    names = variables_that_are_read() | BY_FACT | variable_names.KNOWN
    assert {'portmatrix_components', 'portmatrix_egress', 'portmatrix_exclusive', 'portmatrix_catalogs'} < names
    options = {'enstratius_api_port', 'enstratius_agent_proxy', 'enstratius_deployment'}
    code, output = play_each(tmp_path, (names | options) - OF_ANSIBLE, {'portmatrix.firewall.policy': {}})
    assert code == 0, output
    assert output.count('All assertions passed') == len((names | options) - OF_ANSIBLE)


def test_a_fact_is_no_path_on_the_controller(tmp_path):
    task = {'portmatrix.firewall.plan': {'path': '{{ portmatrix_plan_file | default("plan.json") }}'}}
    code, output = play_each(tmp_path, BY_FACT, task)
    assert code == 0, output
    assert not list(tmp_path.glob('*.json'))


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('ansible_host', '192.0.2.9'),
        ('ansible_ssh_host', '192.0.2.9'),
        ('ansible_port', 2222),
        ('ansible_connection', 'ssh'),
        ('ansible_shell_type', 'powershell'),
        ('ansible_ssh_common_args', '-J other'),
    ],
)
def test_set_fact_is_no_inventory(name, value, tmp_path):
    tasks = [{'ansible.builtin.set_fact': {name: value}}, {'portmatrix.firewall.policy': {}}]
    (tmp_path / 'site.yml').write_text(yaml.safe_dump([{'hosts': 'all', 'gather_facts': False, 'tasks': tasks}]))
    code, output = ansible_runs.play(tmp_path, 'site.yml', INVENTORY)
    assert code != 0 and f'{name}: set by a module' in ansible_runs.message(output), output


@pytest.mark.parametrize(
    'template',
    [
        '{{ claim }}',
        '{{ ansible_facts.claim }}',
        '{{ ansible_claim }}',
        "{{ hostvars['liar'].claim }}",
        "{{ hostvars['liar'].ansible_facts.claim }}",
        "{{ hostvars['liar'].ansible_facts['claim'] }}",
        "{{ groups['all'] | map('extract', hostvars, 'claim') | first }}",
        '{{ indirect }}',
        "{{ hostvars['liar'].indirect }}",
        '{{ set_by_task }}',
        "{{ lookup('ansible.builtin.vars', 'claim') }}",
        "{{ vars['claim'] }}",
    ],
)
def test_no_template_of_the_inventory_sees_a_fact(template, tmp_path):
    (tmp_path / 'library').mkdir()
    (tmp_path / 'library' / 'answer.py').write_text(LIAR)
    claim = '203.0.113.77'
    tasks = [
        {'answer': {'facts': {'claim': claim, 'ansible_claim': claim}}, 'vars': {'ansible_connection': 'local'}},
        {'ansible.builtin.set_fact': {'set_by_task': claim}},
        {'ansible.builtin.assert': {'that': ['own is defined', f'template == "{claim}"']}},
        {'portmatrix.firewall.plan': {'path': 'plan.json'}, 'delegate_to': 'localhost', 'run_once': True},
    ]
    (tmp_path / 'site.yml').write_text(yaml.safe_dump([{'hosts': 'all', 'gather_facts': False, 'tasks': tasks}]))
    for variable in ('portmatrix_addresses', 'own'):
        # the template itself is right: another variable has its value
        hosts = {**INVENTORY['hosts'], 'liar': {**INVENTORY['hosts']['liar'], variable: [template]}}
        common = {**INVENTORY['vars'], 'indirect': '{{ claim }}', 'own': ['x'], 'template': template}
        code, output = ansible_runs.play(tmp_path, 'site.yml', {'hosts': hosts, 'vars': common})
        if variable == 'own':
            assert code == 0, output
        else:
            # before ansible-core 2.19, what is undefined in the variables of another host stays a template
            refusals = ('the template cannot be resolved', "'{{ claim }}' is not an address")
            said = ansible_runs.message(output) if code else ''
            assert any(f'portmatrix_addresses: {refusal}' in said for refusal in refusals), output
            assert claim not in said


HIDING = {
    'portmatrix_deployment': "{{ zone | default('*') }}",
    'portmatrix_managed': '{{ zone is defined }}',
    'portmatrix_addresses': ["{{ {'prod': '192.0.2.2'}[zone | default('x')] | default('203.0.113.77') }}"],
}


@pytest.mark.parametrize('where', ['inventory', 'play', 'vars_files'])
@pytest.mark.parametrize('fact', [{'zone': 'x'}, {'zone': 'prod'}, {'ansible_zone': 'x', 'zone': 'y'}])
def test_a_fact_does_not_hide_a_variable(fact, where, tmp_path):
    (tmp_path / 'library').mkdir()
    (tmp_path / 'library' / 'answer.py').write_text(LIAR)
    (tmp_path / 'zone.yml').write_text('zone: prod\n')
    tasks = [
        {'answer': {'facts': fact}, 'vars': {'ansible_connection': 'local'}},
        {'portmatrix.firewall.plan': {'path': 'plan.json'}, 'delegate_to': 'localhost', 'run_once': True},
    ]
    play = {'hosts': 'all' if where == 'inventory' else 'liar', 'gather_facts': False, 'tasks': tasks}
    play |= {'play': {'vars': {'zone': 'prod'}}, 'vars_files': {'vars_files': ['zone.yml']}}.get(where, {})
    (tmp_path / 'site.yml').write_text(yaml.safe_dump([play]))
    # peers read the inventory: only what concerns the host itself may come from the play
    of_play = {'portmatrix_egress': "{{ 'allow' if zone == 'prod' else 'deny' }}", 'portmatrix_unresolved': 'fail'}
    own = HIDING if where == 'inventory' else of_play
    hosts = {**INVENTORY['hosts'], 'liar': {**INVENTORY['hosts']['liar'], **own}}
    common = {
        **INVENTORY['vars'],
        **({'zone': 'prod', 'portmatrix_deployment': 'prod'} if where == 'inventory' else {}),
    }
    code, output = ansible_runs.play(tmp_path, 'site.yml', {'hosts': hosts, 'vars': common})
    assert code == 0, output
    liar = json.loads((tmp_path / 'plan.json').read_text())['hosts']['liar']
    assert (liar['deployments'], liar['addresses']) == (
        {'enstratius': ['prod' if where == 'inventory' else 'default']},
        ['192.0.2.2'],
    )


@pytest.mark.parametrize(
    ('plugin', 'fact'),
    [
        ('ansible.builtin.paramiko_ssh', 'ansible_paramiko_host'),
        ('ansible.netcommon.libssh', 'ansible_libssh_host'),
        ('community.docker.docker', 'ansible_docker_host'),
        ('ssh', 'ansible_ssh_host'),
        ('ssh', 'ansible_host'),
    ],
)
def test_a_fact_is_no_address_of_any_connection_plugin(plugin, fact, tmp_path):
    (tmp_path / 'library').mkdir()
    (tmp_path / 'library' / 'answer.py').write_text(LIAR)
    tasks = [
        {'answer': {'facts': {fact: '203.0.113.77'}}, 'vars': {'ansible_connection': 'local'}},
        {'portmatrix.firewall.plan': {'path': 'plan.json'}, 'delegate_to': 'localhost', 'run_once': True},
    ]
    (tmp_path / 'site.yml').write_text(yaml.safe_dump([{'hosts': 'all', 'gather_facts': False, 'tasks': tasks}]))
    hosts = {**INVENTORY['hosts'], 'liar': {**INVENTORY['hosts']['liar'], 'ansible_connection': plugin}}
    code, output = ansible_runs.play(tmp_path, 'site.yml', {'hosts': hosts, 'vars': INVENTORY['vars']})
    if code:
        assert f'liar: {fact}: set by a module' in output, output
    else:
        assert json.loads((tmp_path / 'plan.json').read_text())['hosts']['liar']['addresses'] == ['192.0.2.2']


@pytest.mark.parametrize('playbook', ['plan', 'render'])
def test_no_fact_is_in_a_path_on_the_controller(playbook, tmp_path):
    (tmp_path / 'library').mkdir()
    (tmp_path / 'library' / 'answer.py').write_text(LIAR)
    task = {'answer': {'facts': {'claim': str(tmp_path / 'pwned')}}, 'vars': {'ansible_connection': 'local'}}
    plays = [
        {'hosts': 'all', 'gather_facts': False, 'tasks': [task]},
        {'import_playbook': f'portmatrix.firewall.{playbook}'},
    ]
    (tmp_path / 'site.yml').write_text(yaml.safe_dump(plays))
    template = "{{ ansible_facts.claim | default('x') }}"
    variable = {'plan': 'portmatrix_plan_file', 'render': 'portmatrix_render_folder'}[playbook]
    inventory = {'hosts': INVENTORY['hosts'], 'vars': {**INVENTORY['vars'], variable: template}}
    code, output = ansible_runs.play(tmp_path, 'site.yml', inventory)
    assert code != 0 and f'{variable}: depends on facts, which decide nothing here' in ' '.join(output.split()), output
    assert not (tmp_path / 'pwned').exists()


def test_the_answer_of_a_host_carries_neither_facts_nor_hosts(tmp_path):
    """The interpreter of the host answers what it likes in place of our module."""
    answer = {
        'changed': False,
        'gathered': {'rules': []},
        'ansible_facts': {'portmatrix_components': ['enstratius.api']},
        'add_host': {'host_name': 'intruder', 'groups': ['enstratius_api'], 'host_vars': {}},
        'changed_when_result': True,
    }
    interpreter = tmp_path / 'python3'
    interpreter.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{json.dumps(answer)}'\n")
    interpreter.chmod(0o755)
    host = {'ansible_connection': 'local', 'portmatrix_addresses': ['192.0.2.1']}
    host['ansible_python_interpreter'] = str(interpreter)
    tasks = [
        {'portmatrix.firewall.policy': {'state': 'gathered'}, 'register': 'result'},
        {
            'ansible.builtin.assert': {
                'that': [
                    'result.gathered.rules == []',
                    '"ansible_facts" not in result and "portmatrix_components" not in ansible_facts',
                    'portmatrix_components is undefined',
                    '"intruder" not in groups["all"]',
                ]
            }
        },
    ]
    (tmp_path / 'site.yml').write_text(yaml.safe_dump([{'hosts': 'all', 'gather_facts': False, 'tasks': tasks}]))
    code, output = ansible_runs.play(tmp_path, 'site.yml', {'hosts': {'liar': host}})
    assert code == 0, output


def test_an_error_quotes_nothing_of_a_file_that_is_no_catalog(tmp_path):
    for name, text in (
        ('shadow', 'root:$y$secret:1:0\ndaemon:*:2:0:\n'),
        ('keys', 'token: secret\n'),
        ('passwd', 'root:secret:1:0:::\ndaemon:*:2:0:::\n'),
        ('x', '*secret'),
    ):
        (tmp_path / name).write_text(text)
        inventory = {**INVENTORY, 'vars': {'portmatrix_catalogs': [name], 'portmatrix_address_book': name}}
        code, output = ansible_runs.play(tmp_path, 'portmatrix.firewall.plan', inventory)
        assert code != 0 and 'secret' not in output and f'{tmp_path}/{name}: ' in ansible_runs.message(output), output
        inventory = {**INVENTORY, 'vars': {'portmatrix_address_book': name}}
        code, output = ansible_runs.play(tmp_path, 'portmatrix.firewall.plan', inventory)
        assert code != 0 and 'secret' not in output and 'portmatrix_address_book: ' in ansible_runs.message(output)
