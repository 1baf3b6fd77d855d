"""The scripts for hosted runners (hosted/), on an imitated Windows host: what they expect is met there, and where
something goes wrong, they say so. stopped.ps1, parts.ps1, prepare.ps1, restore.ps1 and the checklist need Windows."""

from __future__ import annotations

import functools
import http.server
import sys
import threading
import typing as t

import csharp
import powershell
import pytest
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.windows import program
from hosted import request
from imitation import hosts, network, scheduler

pytestmark = pytest.mark.skipif(not powershell.PROGRAM, reason=powershell.MISSING)
HOSTED = csharp.HERE / 'hosted'
WINDOW = 20  # seconds
MANY_RULES = 150


class Web(http.server.BaseHTTPRequestHandler):
    """A web server that keeps its connections."""

    protocol_version = 'HTTP/1.1'

    def do_HEAD(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: t.Any) -> None:
        pass


@pytest.fixture
def web():
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host whose program is the shipped one with imitated parts."""
    copied = network.copy_collection(tmp_path / 'collections') / 'ansible_collections/portmatrix/firewall'
    text = program.text(copied / csharp.SOURCES.relative_to(csharp.ROOT))
    monkeypatch.setattr(program, 'text', lambda: text)
    monkeypatch.setattr(request, 'MANY_RULES', MANY_RULES)
    request.write(tmp_path / 'requests', WINDOW)
    host = hosts.ImitatedHost.create(tmp_path / 'hosts', 'runner', '192.0.2.1')
    monkeypatch.setenv('PORTMATRIX_IMITATED_HOST', str(host.folder))
    monkeypatch.setenv('PORTMATRIX_MODULE', str(copied / 'plugins' / 'modules' / 'windows_policy.ps1'))
    monkeypatch.setenv('PORTMATRIX_POWERSHELL', str(powershell.PROGRAM))
    monkeypatch.setenv('PORTMATRIX_ANSWERS', str(tmp_path / 'answers'))
    monkeypatch.setenv('ProgramData', str(host.folder / 'ProgramData'))
    with scheduler.Scheduler(tmp_path / 'hosts'):
        yield host


def run(host: hosts.ImitatedHost, name: str, *arguments: str) -> tuple[int, str]:
    requests = host.folder.parents[1] / 'requests'
    finished = powershell.run(HOSTED / f'{name}.ps1', '-Requests', str(requests), *arguments)
    return finished.returncode, finished.stdout


@functools.cache
def shipped_scripts() -> list[str]:
    return sorted(path.name for path in HOSTED.glob('*.ps1'))


def is_met(host: hosts.ImitatedHost, name: str) -> bool:
    code, output = run(host, name)
    print(output)
    lines = output.splitlines()
    return code == 0 and lines[-1] == 'all passed' and host.is_as_at_first() and host.left_behind() == []


@pytest.mark.parametrize('name', ['unconfirmed', 'killed'])
def test_what_is_expected_is_met(host, name):
    assert is_met(host, name)


def test_a_change_and_what_an_operator_sees_of_it(host):
    assert is_met(host, 'change')
    answers = str(host.folder.parents[1] / 'answers')
    shown = csharp.run_command(sys.executable, str(HOSTED / 'results.py'), answers)
    assert '== enforced: changed=True' in shown and '== again: changed=False' in shown, shown
    assert ' after  ingress tcp 443, 8000-8010 from 198.51.100.0/28' in shown, shown
    assert '"enforced": true' in shown, shown


def test_a_connection_is_watched_while_its_rule_is_replaced(host, web):
    code, output = run(host, 'egress', '-Peer', '127.0.0.1', '-Port', str(web))
    assert code == 0, output
    assert 'survive the replacement of its rule: yes (' in output


def test_a_way_back_that_does_not_come_is_a_failure(host, monkeypatch):
    monkeypatch.setenv('PORTMATRIX_PATIENCE', '1')
    host.update('faults.json', no_triggers=True)
    # the next run, which clears up, does not have to wait until the change is overdue
    later = threading.Timer(WINDOW + 15, lambda: host.update('machine.json', clock=3600))
    later.start()
    code, output = run(host, 'unconfirmed')
    later.join()
    assert code == 1 and 'FAILED  the task has rolled unconfirmed back' in output, output
    assert 'FAILED  the host is as it was before' in output


def test_a_change_that_fails_is_a_failure(host):
    host.update('faults.json', fail_at=3)
    code, output = run(host, 'change')
    assert code == 1 and 'FAILED  enforced: the change is pending' in output, output


def test_the_workflow_runs_every_script():
    workflow = (csharp.ROOT / '.github/workflows/windows.yml').read_text(encoding='utf-8')
    parts = {'functions.ps1', 'host.ps1', 'module.ps1', 'session.ps1'}
    assert [name for name in shipped_scripts() if name not in parts and f'hosted/{name}' not in workflow] == []
