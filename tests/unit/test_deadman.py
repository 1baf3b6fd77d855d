"""A change that waits for its confirmation, on disk: written whole, decided once, found again by the program that lies beside it."""

from __future__ import annotations

import concurrent.futures
import json
import socket
import subprocess

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._host import established_connections, sockets
from ansible_collections.portmatrix.firewall.plugins.module_utils._model import traffic
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback import store


@pytest.fixture
def pending(tmp_path, monkeypatch):
    monkeypatch.setattr(store, 'HOME', str(tmp_path))
    monkeypatch.setattr(store, 'PENDING', str(tmp_path / 'pending'))
    monkeypatch.setattr(store, 'OUTCOME', str(tmp_path / 'outcome.json'))
    change = store.Pending('token', 'ufw', 30, store.process(1), ['192.0.2.1', 5], [], {'files': {}}, {})
    store.prepare(change)
    store.commit('token')
    return change


def test_what_is_written_is_read_and_forgotten_again(pending, tmp_path):
    assert store.read() == pending and store.decided() == store.ARMED
    store.forget({'outcome': 'confirmed'})
    assert store.read() is None and [path.name for path in tmp_path.iterdir()] == ['outcome.json']


@pytest.mark.parametrize('_round', range(20))
def test_of_a_confirmation_and_a_rollback_that_race_one_wins(pending, _round):
    marks = [store.CONFIRMED, store.ROLLING_BACK]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        won = list(pool.map(store.decide, marks))
    assert sorted(won) == [False, True] and store.decided() == marks[won.index(True)]
    # and whoever asks again hears the same
    assert [store.decide(mark) for mark in marks] == won


def test_the_program_finds_its_code_beside_it_and_leaves_other_changes_alone(pending):
    # it looks for its change where hosts keep it, and there is none of this name here
    run = subprocess.run([*store.command(), 'rollback', 'another'], capture_output=True, text=True, check=False)
    assert (run.returncode, json.loads(run.stdout)) == (0, {'outcome': 'nothing'}), run.stderr


def test_documented_connections_that_stand(monkeypatch):
    admits = {
        ('ingress', 'ipv4', 'tcp', 'destination', 443, 443): (traffic.interval('192.0.2.0/24'),),
        ('egress', 'ipv6', 'tcp', 'destination', 8443, 8444): (traffic.interval('2001:db8::5'),),
    }
    listening = [sockets.Socket('0.0.0.0', 443, '0.0.0.0', 0, '1')]
    established = [
        sockets.Socket('198.51.100.1', 443, '192.0.2.7', 50000, '2'),
        sockets.Socket('198.51.100.1', 443, '192.0.2.7', 50001, '3'),
        sockets.Socket('198.51.100.1', 443, '203.0.113.7', 50000, '4'),
        sockets.Socket('2001:db8::1', 40000, '2001:db8::5', 8444, '5'),
        sockets.Socket('2001:db8::1', 40000, '2001:db8::6', 8444, '6'),
    ]
    monkeypatch.setattr(sockets, 'listening', lambda: listening)
    monkeypatch.setattr(sockets, 'established', lambda: established)
    found = established_connections.standing(admits)
    assert [flow.words() for flow in found] == ['egress tcp 8444 to 2001:db8::5', 'ingress tcp 443 from 192.0.2.7']
    assert established_connections.cut([flow for flow in found if flow.way == 'ingress'], lambda connection: False) == [
        'ingress tcp 443 from 192.0.2.7'
    ]
    assert (
        established_connections.cut(
            [flow for flow in found if flow.way == 'ingress'], lambda connection: connection.local == '198.51.100.1'
        )
        == []
    )


def test_sockets_of_this_machine_are_read():
    with socket.create_server(('0.0.0.0', 0)) as server:
        assert server.getsockname()[1] in {found.port for found in sockets.listening()}
