"""Runs of ansible-playbook in which something goes wrong on a Windows host. As test_playbooks.py; the cases are the
`faults` of cases/playbooks.yml."""

from __future__ import annotations

import re
import typing as t

import powershell
import pytest
from imitation import hosts, scheduler
from imitation.cases import CASES
from imitation.network import Network, Run, run_once

pytestmark = pytest.mark.skipif(not powershell.PROGRAM, reason=powershell.MISSING)
CONTROLLER = '198.51.100.1'
WINDOW, TASK_SECONDS = 15, 30


class Accidents(t.NamedTuple):
    """A run in which something went wrong on each host; their states when they had had time to go back (ended.json);
    a run an hour later on the host whose task was forgotten, which now can be reached."""

    network: Network
    run: Run
    later: Run


def meet_accidents(network: Network) -> Accidents:
    network.inventory['vars'] = {**CASES['variables'], 'portmatrix_confirm_timeout': WINDOW}
    for number, (name, case) in enumerate(CASES['faults'].items(), 100):
        variables = {'ansible_host': f'192.0.2.{number}', 'ansible_connection': 'winrm', 'ansible_port': 5985}
        variables['portmatrix_exclusive'] = case.get('exclusive', False)
        variables['portmatrix_confirm_timeout'] = case.get('timeout', WINDOW)
        network.add(name, variables, **{key: case[key] for key in ('faults', 'languages') if key in case})
    with scheduler.Scheduler(network.root):
        run = network.run('portmatrix.firewall.harden', '--forks', '6')
        tasks = [network[name].folder / 'task.json' for name in CASES['faults'] if name != 'forgotten']
        assert hosts.wait_until(lambda: not any(task.exists() for task in tasks), WINDOW + TASK_SECONDS)
        hosts.keep_states(network.root, 'ended.json')
        network['forgotten'].update('faults.json', refuse_changed=False)
        network['forgotten'].update('machine.json', clock=3600)
        later = network.run('portmatrix.firewall.harden', '-l', 'forgotten')
    return Accidents(network, run, later)


@pytest.fixture(scope='module')
def accidents(tmp_path_factory):
    return run_once(tmp_path_factory, 'accidents', meet_accidents)


def fault_cases(what: str) -> list[t.Any]:
    cases = CASES['faults'].items()
    return [pytest.param(name, case, id=name) for name, case in cases if what in case]


class TestFaults:
    """Something goes wrong on each host of one run."""

    @pytest.mark.parametrize(('name', 'case'), fault_cases('status'))
    def test_status(self, accidents, name, case):
        result = accidents.run.of(name)
        assert result['status'] == case['status'], result

    @pytest.mark.parametrize(('name', 'case'), fault_cases('says'))
    def test_message(self, accidents, name, case):
        result = accidents.run.of(name)
        assert re.search(case['says'], result['msg']), result

    @pytest.mark.parametrize(('name', 'case'), fault_cases('returns'))
    def test_returned_values(self, accidents, name, case):
        result = accidents.run.of(name)
        assert {key: result.get(key) for key in case['returns']} == case['returns'], result

    @pytest.mark.parametrize(('name', 'case'), fault_cases('ends'))
    def test_what_the_host_has_in_the_end(self, accidents, name, case):
        host = accidents.network[name]
        is_hardened = host.admits('192.0.2.50', 5994, state='ended.json')
        end = 'former' if host.is_as_at_first('ended.json') else 'hardened' if is_hardened else 'changed'
        assert end == case['ends'], scheduler.runs(host)
        assert host.admits(CONTROLLER, 5985, state='ended.json')

    @pytest.mark.parametrize(('name', 'case'), fault_cases('untouched'))
    def test_nothing_was_tried(self, accidents, name, case):
        assert accidents.network[name].operations == 0

    def test_the_task_of_the_host_did_it(self, accidents):
        for name in ('unconfirmed', 'dies', 'hangs', 'cut'):
            # the rehearsal, and the way back
            assert [run['rc'] for run in scheduler.runs(accidents.network[name])] == [0, 0], name

    def test_the_next_run_succeeds(self, accidents):
        assert accidents.later.of('forgotten')['status'] == 'ok', accidents.later.output
        assert accidents.network['forgotten'].admits('192.0.2.50', 5994)

    def test_the_next_run_says_that_the_task_did_not_run(self, accidents):
        warnings = accidents.later.of('forgotten').get('warnings', [])
        assert any('did not roll it back; this run did' in str(warning) for warning in warnings)
