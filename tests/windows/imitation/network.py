"""A network of imitated Windows hosts, and runs of ansible-playbook on it."""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import shutil
import time
import typing as t
from pathlib import Path
from unittest import mock

import csharp
import powershell
import pytest
from ansible_runs import play

from . import hosts

HERE = Path(__file__).parent
Result = t.TypeVar('Result')
KNOWN_FOLDER = "[Environment]::GetFolderPath('CommonApplicationData')"
SHIPPED = ('plugins', 'playbooks', 'meta', 'galaxy.yml')


def copy_collection(folder: Path) -> Path:
    """A copy of the collection whose one file with the real parts of Windows is replaced; returns its search path."""
    target = folder / 'ansible_collections' / 'portmatrix' / 'firewall'
    target.mkdir(parents=True)
    for name in SHIPPED:
        source = csharp.ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy(source, target / name)
    module = target / 'plugins' / 'modules' / 'windows_policy.ps1'
    text = module.read_text()
    assert KNOWN_FOLDER in text
    module.write_text(text.replace(KNOWN_FOLDER, '$env:ProgramData'))
    for path in HERE.glob('*.cs'):
        shutil.copy(path, target / csharp.SOURCES.relative_to(csharp.ROOT) / 'host' / path.name)
    return folder


def link_powershell(folder: Path) -> None:
    """A program named powershell in FOLDER: ansible-core looks for it on the host, from 2.20 on."""
    home = powershell.run_command('$PSHOME').stdout.strip()
    folder.mkdir()
    (folder / 'powershell').symlink_to(Path(home) / 'pwsh')


class Run(t.NamedTuple):
    """A run of ansible-playbook: RESULTS are those of its tasks, SECONDS its time, EVENTS what was sent."""

    code: int
    output: str
    results: list[dict[str, t.Any]]
    seconds: float
    events: list[dict[str, t.Any]]

    def of(self, host: str, task: str = '') -> dict[str, t.Any]:
        """The result of HOST (of the last task whose name contains TASK), with its `status`."""
        found = [line for line in self.results if line['host'] == host and task in line['task']]
        assert found, f'{host} has no result of a task with {task!r} in its name: {self.output}'
        return {**found[-1]['result'], 'status': found[-1]['status']}

    def sent(self, host: str) -> list[int]:
        """Bytes of each command to HOST."""
        return [event['sent'] for event in self.events if event['host'] == host and event['event'] == 'exec']


class Network:
    """Hosts whose state lies in FOLDER/hosts, and the COLLECTIONS that are used to change them."""

    def __init__(self, folder: Path, collections: Path) -> None:
        self.folder, self._collections = folder, collections
        self.root = folder / 'hosts'
        self.root.mkdir()
        link_powershell(folder / 'bin')
        self.inventory: dict[str, t.Any] = {'hosts': {}, 'vars': {}, 'children': {}}

    def add(self, name: str, variables: dict[str, t.Any], **settings: t.Any) -> hosts.ImitatedHost:
        """A stock host NAME with VARIABLES in the inventory; SETTINGS as for ImitatedHost.create."""
        host = hosts.ImitatedHost.create(self.root, name, variables['ansible_host'], **settings)
        self.inventory['hosts'][name] = variables
        return host

    def __getitem__(self, name: str) -> hosts.ImitatedHost:
        return hosts.ImitatedHost(self.root / name)

    @property
    def environment(self) -> dict[str, str]:
        """With these variables, ansible-playbook reaches the hosts."""
        return {
            'ANSIBLE_COLLECTIONS_PATH': str(self._collections),
            'ANSIBLE_CONNECTION_PLUGINS': str(HERE / 'connection'),
            'PORTMATRIX_IMITATION': str(self.root),
            'PORTMATRIX_IMITATED_PATH': str(self.folder / 'bin'),
            'PYTHONPATH': str(csharp.HERE),
        }

    def run(self, playbook: str, *arguments: str, **environment: str) -> Run:
        results = self.folder / 'results.jsonl'
        results.unlink(missing_ok=True)
        known = len(hosts.events(self.root))
        variables = {
            **self.environment,
            'ANSIBLE_CALLBACK_PLUGINS': str(HERE / 'callback'),
            'ANSIBLE_CALLBACKS_ENABLED': 'results',
            'PORTMATRIX_RESULTS': str(results),
        }
        started = time.monotonic()
        with mock.patch.dict(os.environ, {**variables, **environment}):
            code, output = play(self.folder, playbook, self.inventory, *arguments)
        lines = results.read_text(encoding='utf-8').splitlines() if results.exists() else []
        seconds = round(time.monotonic() - started, 1)
        return Run(code, output, list(map(json.loads, lines)), seconds, hosts.events(self.root)[known:])


def run_once(factory: pytest.TempPathFactory, name: str, story: t.Callable[[Network], Result]) -> Result:
    """What STORY returns for a new network; it runs in one of the processes of pytest-xdist, others wait for it."""
    shared = factory.getbasetemp()
    shared = shared.parent if os.environ.get('PYTEST_XDIST_WORKER') else shared
    kept = shared / f'{name}.pickle'
    with (shared / f'{name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            folder = shared / name
            folder.mkdir()
            kept.write_bytes(pickle.dumps(story(Network(folder, copy_collection(folder / 'collections')))))
    return pickle.loads(kept.read_bytes())
