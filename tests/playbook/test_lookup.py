"""The lookup plugin flows."""

from __future__ import annotations

import json

import ansible_runs
import pytest
import yaml


def run_task(folder, task) -> tuple[int, str]:
    """(return code, output) of a play of one TASK on this machine."""
    play = {'hosts': 'localhost', 'connection': 'local', 'gather_facts': False, 'tasks': [task]}
    (folder / 'site.yml').write_text(yaml.safe_dump([play]))
    return ansible_runs.play(folder, 'site.yml', {'hosts': {'localhost': {}}})


@pytest.mark.parametrize(
    'query, expected',
    [
        (
            "query('portmatrix.firewall.flows', 'rivermeadow', query=\"[?optional].id\")",
            ['os-utility-smb', 'os-utility-winrm', 'os-utility-ssh'],
        ),
        ("query('portmatrix.firewall.flows', 'enstratius', query='[?assumed].flow') | length", 4),
        (
            "query('portmatrix.firewall.flows', 'rightscale', 'enstratius') | map(attribute='product') | unique",
            ['rightscale', 'enstratius'],
        ),
        ("query('portmatrix.firewall.flows', 'rightscale') | length", 14),
    ],
)
def test_lookup(query, expected, tmp_path):
    path = tmp_path / 'out.json'
    task = {'ansible.builtin.copy': {'content': '{{ ' + query + ' | to_json }}', 'dest': str(path)}}
    code, output = run_task(tmp_path, task)
    assert code == 0, output
    assert json.loads(path.read_text()) == expected


@pytest.mark.parametrize(
    'arguments, expected',
    [
        ("'rightscale', query='[?'", 'is not a valid JMESPath expression'),
        ("'rihgtscale'", "unknown product 'rihgtscale'; did you mean rightscale?"),
    ],
)
def test_lookup_refuses_a_wrong_query_and_an_unknown_product(arguments, expected, tmp_path):
    task = {'ansible.builtin.debug': {'msg': "{{ query('portmatrix.firewall.flows', " + arguments + ') }}'}}
    code, output = run_task(tmp_path, task)
    assert code != 0 and expected in output
