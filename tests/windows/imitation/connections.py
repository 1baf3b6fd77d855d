"""What the imitated connection plugins winrm, psrp and ssh share. Each is the real plugin, but for what it does on the
network: it runs on this machine what Ansible sends, after the imitated firewall has let it in."""

from __future__ import annotations

import base64
import importlib.util
import os
import shlex
import shutil
import subprocess
import time
import types
import typing as t
from pathlib import Path

import ansible.plugins.connection
import powershell
import yaml
from ansible.errors import AnsibleConnectionFailure

from . import hosts

SECONDS = 120  # for one command
_CONTROLLER = {
    'description': "the controller's address, as the host sees it",
    'default': '198.51.100.1',
    'vars': [{'name': 'imitated_controller'}],
}


def load_real(name: str) -> types.ModuleType:
    """The plugin NAME of ansible-core. It cannot be imported by its own name: Ansible gives that to ours."""
    path = Path(ansible.plugins.connection.__file__).parent / f'{name}.py'
    spec = importlib.util.spec_from_file_location(f'imitation.real_{name}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def document(real: types.ModuleType) -> str:
    """The documentation of a REAL plugin, with one more option."""
    documentation = yaml.safe_load(real.DOCUMENTATION)
    documentation['options']['imitated_controller'] = _CONTROLLER
    return yaml.safe_dump(documentation)


class Imitation:
    """Put before a real plugin."""

    keeps_connection = False  # for the next task: ssh does, with ControlPersist
    _peer_port = 0

    @property
    def imitated_port(self) -> int:
        raise NotImplementedError

    @property
    def imitated(self) -> hosts.ImitatedHost:
        address = str(self._play_context.remote_addr)
        return hosts.find(Path(os.environ['PORTMATRIX_IMITATION']), address)

    def _connect(self) -> t.Any:
        host = self.imitated
        machine = host.read('machine.json')
        known = [entry for entry in machine['connections'] if entry['transport'] == self.transport]
        if known:
            self._peer_port = known[0]['peer_port']
        else:
            self._require_admission('connect')
            self._peer_port = machine['next_peer_port']
            entry = {
                'transport': self.transport,
                'peer': self.get_option('imitated_controller'),
                'port': self.imitated_port,
                'peer_port': self._peer_port,
            }
            connections = [*machine['connections'], entry]
            host.update('machine.json', connections=connections, next_peer_port=self._peer_port + 1)
        self._connected = True
        return self

    def _require_admission(self, event: str) -> None:
        """Raise AnsibleConnectionFailure where the firewall does not let the controller in."""
        host, port = self.imitated, self.imitated_port
        is_refused = (
            host.take_fault('refuse')
            or not host.admits(self.get_option('imitated_controller'), port)
            or (host.read('faults.json').get('refuse_changed') and not host.is_as_at_first())
        )
        host.log(event=event, transport=self.transport, port=port, refused=bool(is_refused))
        if is_refused:
            raise AnsibleConnectionFailure(f'{host.name}: connection to port {port} timed out')

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        if not self._connected:
            self._connect()
        self._require_admission('pass')
        host = self.imitated
        words, given = command_line(cmd, in_data)
        started = time.monotonic()
        with subprocess.Popen(
            [str(powershell.PROGRAM), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(host),
        ) as process:
            stdout, stderr = process.communicate(given, timeout=SECONDS)
        host.log(
            event='exec',
            transport=self.transport,
            sent=len(cmd) + len(given or b''),
            received=len(stdout),
            seconds=round(time.monotonic() - started, 3),
            rc=process.returncode,
            piped=in_data is not None,
        )
        if host.take_fault('cut'):
            self._forget()
            raise AnsibleConnectionFailure(f'{host.name}: the connection was lost while a command ran')
        return process.returncode, stdout, stderr

    def _environment(self, host: hosts.ImitatedHost) -> dict[str, str]:
        temp = str(host.folder / 'temp')
        environment = {**os.environ, 'TEMP': temp, 'TMP': temp, 'PORTMATRIX_IMITATED_HOST': str(host.folder)}
        environment['PORTMATRIX_IMITATED_USER'] = 'Administrator'
        environment['PATH'] = f'{os.environ["PORTMATRIX_IMITATED_PATH"]}:{os.environ["PATH"]}'
        environment['ProgramData'] = str(host.folder / 'ProgramData')
        environment.pop('SSH_CONNECTION', None)
        if self.transport == 'ssh':
            peer = f'{self.get_option("imitated_controller")} {self._peer_port}'
            own = f'{host.read("machine.json")["address"]} {self.imitated_port}'
            environment['SSH_CONNECTION'] = f'{peer} {own}'
        return environment

    def put_file(self, in_path: str, out_path: str) -> None:
        if not self._connected:
            self._connect()
        self._require_admission('pass')
        target = local_path(out_path)
        self.imitated.log(event='put', transport=self.transport, sent=Path(in_path).stat().st_size)
        shutil.copyfile(in_path, target)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        if not self._connected:
            self._connect()
        self._require_admission('pass')
        self.imitated.log(event='fetch', transport=self.transport)
        shutil.copyfile(local_path(in_path), out_path)

    def reset(self) -> None:
        """As the real ones: ssh ends what it kept, winrm and psrp connect at once, if they were connected."""
        was_connected = self._connected
        self.imitated.log(event='reset', transport=self.transport)
        self._forget()
        if was_connected and not self.keeps_connection:
            self._connect()

    def close(self) -> None:
        if not self.keeps_connection:
            self._forget()
        self._connected = False

    def _forget(self) -> None:
        host = self.imitated
        connections = host.read('machine.json')['connections']
        host.update('machine.json', connections=[one for one in connections if one['transport'] != self.transport])
        self._connected = False


def local_path(path: str) -> Path:
    """PATH as Ansible writes it for Windows, in quotes or not."""
    return Path(path.strip('"\'').replace('\\', '/'))


def command_line(command: str, in_data: bytes | None) -> tuple[list[str], bytes | None]:
    """(arguments for pwsh, its input) for what Ansible would run on Windows."""
    if command.startswith('type '):  # files are kept: the input is in one
        source, _bar, command = command.removeprefix('type ').partition(' | ')
        in_data = local_path(source.strip()).read_bytes()
    program, _blank, rest = command.partition(' ')
    if program.lower() not in ('powershell', 'powershell.exe'):
        encoded = base64.b64encode(f'{command}\nexit $LASTEXITCODE'.encode('utf-16-le')).decode()
        return ['-NoProfile', '-NonInteractive', '-EncodedCommand', encoded], in_data
    return shlex.split(rest.replace('\\', '/')), in_data
