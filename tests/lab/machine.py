"""Virtual machines of the lab, for what a container shares with this machine: the kernel, the clock, and files that
are not on the disk yet.

They have the packages of the containers, a kernel, and programs that change firewalls, and are in the lab's network.
Their processor is emulated, because KVM is not available everywhere (and may be present but not work): a start takes
about half a minute. Commands run through QEMU's guest agent, without network and firewall."""

from __future__ import annotations

import base64
import json
import shlex
import shutil
import socket
import subprocess
import threading
import time
import typing as t
from pathlib import Path

import images
import lab

INVENTORY = lab.MACHINES.parent
HOSTS: dict[str, dict[str, t.Any]] = lab.hosts(lab.MACHINES)
STATE = lab.STATE / 'machines'
_RUNNING: dict[str, subprocess.Popen] = {}
_AGENTS = {name: threading.Lock() for name in HOSTS}
_CONNECTION = '''[connection]
id=lab
type=ethernet
interface-name=eth0
[ipv4]
method=manual
address1={ansible_host}/24
[ipv6]
method=manual
address1={lab_ipv6}/64
'''


def start_all() -> None:
    for name in HOSTS:
        start(name)
    for name in HOSTS:
        wait_until_up(name)


def start(name: str) -> None:
    """Create and start the machine NAME, connected to the bridge of the lab."""
    folder = STATE / name
    shutil.rmtree(folder, ignore_errors=True)
    root = folder / 'root'
    root.mkdir(parents=True)
    lab.sh(
        'tar',
        '--extract',
        '--numeric-owner',
        f'--directory={root}',
        f'--file={lab.STATE}/images/{images.tag(HOSTS[name]["lab_image"])}.tar',
    )
    _write_configuration(name, root)
    for kind in ('vmlinuz', 'initrd.img'):
        next(root.glob(f'boot/{kind}-*')).rename(folder / kind)
    with (folder / 'disk').open('wb') as disk:
        disk.truncate(2 << 30)
    lab.sh('mkfs.ext4', '-q', '-d', str(root), str(folder / 'disk'))
    shutil.rmtree(root)
    lab.sh('ip', 'link', 'del', name, check=False, stderr=subprocess.DEVNULL)
    lab.sh('ip', 'tuntap', 'add', name, 'mode', 'tap')
    lab.sh('ip', 'link', 'set', name, 'master', _bridge(), 'up')
    boot(name)


def _write_configuration(name: str, root: Path) -> None:
    (root / 'etc/hostname').write_text(f'{name}\n')
    (root / 'etc/hosts').write_text(f'127.0.0.1 localhost\n127.0.1.1 {name}\n')
    (root / 'etc/ssh/authorized_keys').mkdir()
    shutil.copy(f'{lab.KEY}.pub', root / 'etc/ssh/authorized_keys/ops')
    connection = root / 'etc/NetworkManager/system-connections/lab.nmconnection'
    connection.write_text(_CONNECTION.format(**HOSTS[name]))
    connection.chmod(0o600)


def _bridge() -> str:
    listing = subprocess.run(
        ['ip', '-json', 'link', 'show', 'type', 'bridge'], check=True, capture_output=True, text=True
    ).stdout
    return next(entry['ifname'] for entry in json.loads(listing))


def boot(name: str) -> None:
    """Switch NAME on; it starts in the background (wait_until_up)."""
    folder = STATE / name
    number = sorted(HOSTS).index(name) + 1
    # QEMU 7.2 emulates cmpxchg16b wrongly for several processors, and kernel 6.12 panics: without cx16 it is not used
    command = (
        'qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu Nehalem,cx16=off -smp 2 -m 1024 -nodefaults '
        '-display none -no-reboot '
        f'-kernel {folder}/vmlinuz -initrd {folder}/initrd.img -serial file:{folder}/console '
        '-append "root=/dev/vda rw console=ttyS0 quiet panic=1 mitigations=off net.ifnames=0" '
        # what the machine has synced is in the file; the rest is lost when it loses power
        f'-drive file={folder}/disk,if=virtio,format=raw,cache=unsafe '
        f'-netdev tap,id=net,ifname={name},script=no,downscript=no -device '
        f'virtio-net-pci,netdev=net,romfile=,mac=52:54:00:00:00:{number:02x} '
        f'-chardev socket,id=agent,path={folder}/agent,server=on,wait=off -device virtio-serial '
        '-device virtserialport,chardev=agent,name=org.qemu.guest_agent.0 -device virtio-rng-pci'
    )
    with (folder / 'qemu.log').open('w') as log:
        _RUNNING[name] = subprocess.Popen(shlex.split(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def wait_until_up(name: str) -> None:
    for _attempt in range(3):
        lab.wait_for(
            lambda: not is_running(name) or lab.accepts_ssh(HOSTS[name]['ansible_host']),
            f'sshd of {name} (its console: {STATE}/{name}/console)',
            seconds=1200,
        )
        if is_running(name):
            run_command(name, 'sh', '-c', 'systemctl is-system-running --wait >/dev/null; true')
            return
        boot(name)  # with several emulated processors, a kernel sometimes panics as it starts
    raise SystemExit(f'lab: {name} does not start: {(STATE / name / "qemu.log").read_text()}')


def is_running(name: str) -> bool:
    """Whether NAME is on; a machine that resets itself is not."""
    return _RUNNING[name].poll() is None


def cut_power(name: str) -> None:
    """Cut the power of NAME without a warning: what it has not synced to its disk is lost."""
    _RUNNING[name].kill()
    _RUNNING[name].wait()


def stop(name: str) -> None:
    """Remove the machine NAME."""
    cut_power(name)
    lab.sh('ip', 'link', 'del', name)
    shutil.rmtree(STATE / name)


def run_command(
    name: str, *command: str, text: str | None = None, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run COMMAND as root on NAME."""
    deadline = time.monotonic() + timeout
    with _AGENTS[name], _Agent(name, deadline) as agent:
        given = {'input-data': base64.b64encode(text.encode()).decode()} if text else {}
        environment = [
            'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
            'HOME=/root',
            'LANG=C.UTF-8',
        ]
        job = agent.request(
            'guest-exec', {'path': 'env', 'arg': ['-i', *environment, *command], 'capture-output': True, **given}
        )
        while not (state := agent.request('guest-exec-status', job))['exited']:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(command, timeout)
            time.sleep(0.05)
    output, errors = (base64.b64decode(state.get(key, '')).decode() for key in ('out-data', 'err-data'))
    return subprocess.CompletedProcess(command, state.get('exitcode', -1), output, errors)


class _Agent:
    """The guest agent of a machine: one line of JSON as the request, one as the answer."""

    def __init__(self, name: str, deadline: float):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(STATE / name / 'agent'))
        self._socket.settimeout(max(deadline - time.monotonic(), 1))
        self._lines = self._socket.makefile('r')

    def __enter__(self) -> _Agent:
        # skip the answers to earlier requests that were not read
        token = time.monotonic_ns()
        self._send({'execute': 'guest-sync', 'arguments': {'id': token}})
        while json.loads(self._lines.readline()).get('return') != token:
            pass
        return self

    def __exit__(self, *_why: object) -> None:
        self._lines.close()
        self._socket.close()

    def _send(self, message: dict[str, t.Any]) -> None:
        self._socket.sendall(json.dumps(message).encode() + b'\n')

    def request(self, verb: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        self._send({'execute': verb, 'arguments': arguments})
        answer = json.loads(self._lines.readline())
        if 'error' in answer:
            raise RuntimeError(f'guest agent: {verb}: {answer["error"]["desc"]}')
        return answer['return']
