"""A pending change on disk: written completely, decided once, run by the program that is stored with it."""

from __future__ import annotations

import concurrent.futures
import json
import subprocess
import sys

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._base import processes
from ansible_collections.portmatrix.firewall.plugins.module_utils._model.connection import Connection
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback import program
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback.store import (
    MARK_ARMED,
    MARK_CONFIRMED,
    MARK_ROLLING_BACK,
    PendingChange,
    Process,
    Store,
)

OVER = Connection('ingress', '192.0.2.1', 22, '198.51.100.1', 50000)
CHANGE = PendingChange('token', 'ufw', 30, Process.current(), OVER, [OVER], {'files': {}}, {})


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(str(tmp_path / 'home'), str(tmp_path / 'outcome.json'))
    store.prepare(CHANGE)
    store.commit('token')
    return store


def test_a_change_is_read_as_it_was_written_and_removed_without_a_trace(store, tmp_path):
    assert store.read() == CHANGE and store.decision() == MARK_ARMED
    store.write_outcome({'outcome': 'confirmed', 'token': 'token'})
    store.remove()
    assert store.read() is None and [path.name for path in tmp_path.iterdir()] == ['outcome.json']
    assert store.outcome('token') == {'outcome': 'confirmed', 'token': 'token'} and store.outcome('another') is None


@pytest.mark.parametrize('_round', range(20))
def test_of_a_confirmation_and_a_rollback_that_race_only_one_wins(store, _round):
    decisions = [MARK_CONFIRMED, MARK_ROLLING_BACK]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        won = list(pool.map(store.decide, decisions))
    assert sorted(won) == [False, True] and store.decision() == decisions[won.index(True)]
    # a second attempt has the same result
    assert [store.decide(decision) for decision in decisions] == won


def test_the_stored_program_runs_without_the_collection_and_leaves_other_changes_alone(store):
    # its change would be in /var/lib/portmatrix, where none has this token
    command = [*store.command(), 'rollback', 'another']
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd='/', env={'PATH': '/usr/bin'})
    assert (result.returncode, json.loads(result.stdout)) == (0, {'outcome': 'nothing'}), result.stderr


@pytest.mark.parametrize('arguments', [[], ['confirm'], ['comfirm', 'token']])
def test_wrong_arguments_of_the_program_are_an_error_with_its_usage(arguments, capsys):
    assert program.main(arguments) == 1
    assert json.loads(capsys.readouterr().out)['reason'].startswith('usage: program check | confirm TOKEN')


def test_a_process_is_not_mistaken_for_a_later_one_with_the_same_id():
    own = Process.current()
    assert own.is_alive() and not own._replace(started=own.started + 1).is_alive()
    child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)
    started = Process(child.pid, processes.start_time(child.pid))
    assert started.is_alive()
    child.communicate()
    assert not started.is_alive()
