"""On a host, local users decide nothing: not by the name of a process, an environment, a lock or a folder of theirs."""

from __future__ import annotations

import concurrent.futures
import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._base import files, locks, processes
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import BackendError
from ansible_collections.portmatrix.firewall.plugins.module_utils._host import management, sockets
from ansible_collections.portmatrix.firewall.plugins.module_utils._rollback.store import PendingChange, Process, Store

NOBODY = 65534


@pytest.fixture
def anybodys_folder():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.parametrize(
    ('name', 'program', 'user'),
    [('sshd', 'sleep', 0), ('sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups', 'sleep', 0)]
    + [('sshd', 'sshd', NOBODY), ('dropbear', 'dropbear', NOBODY)],
)
def test_a_process_is_no_ssh_server_because_it_says_so(name, program, user, anybodys_folder):
    path = anybodys_folder / program
    shutil.copy(shutil.which('sleep'), path)
    options = {'user': user} if os.geteuid() == 0 else {}
    process = subprocess.Popen([name, '60'], executable=str(path), **options)
    try:
        assert processes.command_line(process.pid)[0] == name
        assert not management.is_ssh_server(process.pid)
    finally:
        process.kill()
        process.wait()


def test_a_server_of_root_is_one_also_after_an_upgrade_of_its_program(tmp_path, monkeypatch):
    path = tmp_path / 'sshd'
    shutil.copy(shutil.which('sleep'), path)
    process = subprocess.Popen([str(path), '60'])
    try:
        assert processes.user(process.pid) == os.getuid()
        monkeypatch.setattr(processes, 'user', lambda pid: 0)  # also where these tests are not run by root
        assert management.is_ssh_server(process.pid)
        path.unlink()
        assert management.is_ssh_server(process.pid)
    finally:
        process.kill()
        process.wait()


def test_a_connection_is_believed_only_if_this_host_has_it(monkeypatch):
    claim = {'SSH_CONNECTION': '192.0.2.1 50000 192.0.2.2 4444'}
    monkeypatch.setattr(processes, 'environment', lambda pid: claim)
    assert management.current_connection() is None
    entry = sockets.Socket('192.0.2.2', 4444, '192.0.2.1', 50000, '1')
    monkeypatch.setattr(sockets, 'established', lambda: [entry])
    assert management.current_connection().port == 4444


@pytest.mark.parametrize('mode', [None, 0o644, 0o666])
def test_nobody_else_can_open_a_lock(mode, tmp_path):
    path = tmp_path / 'lock'
    if mode:
        path.touch()
        path.chmod(mode)
    with locks.hold(1, str(path)):
        assert path.stat().st_mode & 0o777 == 0o600


def test_who_holds_a_lock_is_named(tmp_path):
    path = tmp_path / 'lock'
    path.touch()
    script = (
        f'import fcntl; file = open({str(path)!r}); fcntl.flock(file, fcntl.LOCK_SH); print(1, flush=True); input()'
    )
    holder = subprocess.Popen([sys.executable, '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    try:
        with pytest.raises(locks.Busy, match=rf'locked by process {holder.pid} \(.*fcntl'), locks.hold(0.2, str(path)):
            pass
    finally:
        holder.communicate(b'\n')
    with locks.hold(0.2, str(path), fcntl.lockf):
        pass


@pytest.mark.parametrize('mode', [0o777, 0o1777, 0o775, 0o702])
def test_nothing_in_a_folder_of_others_is_trusted(mode, tmp_path):
    home = tmp_path / 'home'
    home.mkdir()
    home.chmod(mode)
    store = Store(str(home), str(tmp_path / 'outcome'))
    with pytest.raises(BackendError, match='must be a folder that only root can write to'):
        store.wait_until_decided()
    with pytest.raises(BackendError, match='nothing in it is trusted'):
        store.prepare(_change())
    assert not list(home.iterdir())


def test_a_link_is_no_folder_of_ours(tmp_path):
    (tmp_path / 'home').symlink_to('/tmp')
    with pytest.raises(BackendError, match='only root can write to'):
        Store(str(tmp_path / 'home'), str(tmp_path / 'outcome')).wait_until_decided()


def test_folders_are_private_whatever_the_umask(tmp_path):
    former = os.umask(0)
    try:
        Store(str(tmp_path / 'home'), str(tmp_path / 'outcome')).prepare(_change())
    finally:
        os.umask(former)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / 'home').rglob('*'))
    assert (tmp_path / 'home').stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize('folder', ['my python', "it's", 'a$b', 'a"b\\c%d'])
def test_the_interpreter_may_have_any_path(folder, tmp_path, monkeypatch):
    interpreter = tmp_path / folder / 'python3'
    interpreter.parent.mkdir()
    interpreter.symlink_to(sys.executable)
    monkeypatch.setattr(sys, 'executable', str(interpreter))
    store = Store(str(tmp_path / 'home'), str(tmp_path / 'outcome'))
    store.prepare(_change())
    # as the timer, the boot unit and the controller do it: without quotes
    for command in (' '.join(store.rehearsal_command('token')), shlex.join(store.rehearsal_command('token'))):
        result = subprocess.run(['sh', '-c', command], capture_output=True, text=True, check=False, cwd='/')
        assert '"outcome": "nothing"' in result.stdout, result.stderr
    store.commit('token')
    assert store.reference('token')['command'] == f'/bin/sh {tmp_path}/home/pending/run'


def test_writers_of_one_file_at_once_leave_one_whole_text_and_nothing_else(tmp_path):
    path = tmp_path / 'book'
    texts = [str(number) * 200_000 for number in range(8)]
    with concurrent.futures.ThreadPoolExecutor(len(texts)) as pool:
        writing = [pool.submit(files.write, str(path), text) for text in texts * 5]
        while not all(job.done() for job in writing):
            assert (files.read(str(path)) or texts[0]) in texts
        assert [job.result() for job in writing] == [None] * len(writing)
    assert [found.name for found in tmp_path.iterdir()] == ['book']


def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path):
    old, new = (tmp_path / f'book.{name}.portmatrix-new' for name in ('0', '1'))
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    files.write(str(tmp_path / 'book'), 'text')
    assert sorted(Path(tmp_path).iterdir()) == [tmp_path / 'book', new]


def _change() -> PendingChange:
    return PendingChange('token', 'ufw', 30, Process.current(), None, [], {}, {})
