#!/usr/bin/env python3
"""A lab of real Debian hosts on this machine, in a network of its own.

    tests/lab/lab.py up [machines]   build missing images (of virtual machines, too), start all hosts
    tests/lab/lab.py up versions [NAME ...]   the same for hosts of tests/versions, in place of the others
    tests/lab/lab.py run -- COMMAND  run COMMAND inside the lab's network (as the controller)
    tests/lab/lab.py down            stop all hosts, remove the network

Every host is a container with systemd, D-Bus, firewalld, ufw and sshd. The whole lab, with its bridge, is in a
private mount and network namespace, so it does not touch the network and the firewall of this machine. The hosts
are those of the inventory in this folder (`ansible_host`, `lab_ipv6`, `lab_image`). Needs root and the Debian
packages of tests/setup.sh. State (images, keys) is kept in $PORTMATRIX_LAB_DIR, /var/tmp/portmatrix-lab by default.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import images
import yaml

STATE = Path(os.environ.get('PORTMATRIX_LAB_DIR', '/var/tmp/portmatrix-lab'))
INVENTORY = Path(__file__).parent / 'inventory' / 'hosts.yml'
MACHINES = INVENTORY.parents[1] / 'machines' / 'hosts.yml'
# parts of the tests with hosts of their own
OWN_HOSTS = {name: INVENTORY.parents[2] / name / 'hosts.yml' for name in ('versions', 'products')}
HOLDER = STATE / 'holder.pid'
KEY = STATE / 'id_ed25519'
NETWORK = ['--ipv6', '--subnet', '198.51.100.0/24', '--subnet', '2001:db8:1::/64', '--disable-dns']
PODMAN = [
    'podman',
    *(
        f'--root={STATE}/storage',
        f'--runroot={STATE}/run',
        f'--tmpdir={STATE}/tmp',
        f'--network-config-dir={STATE}/networks',
    ),
    *('--runtime=crun', '--cgroup-manager=cgroupfs', '--storage-driver=overlay', '--events-backend=file'),
]

# The private namespaces have their own /run/netns and /run/containers (where podman, whatever its root, keeps the
# addresses that it assigned), and pure cgroup2 even on machines that mount the hybrid layout.
NAMESPACES = r'''
set -eu
mkdir -p /run/netns /run/containers
mount -t tmpfs tmpfs /run/netns
mount -t tmpfs tmpfs /run/containers
ip link set lo up
if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup
fi
echo $$ > "$1"
exec sleep infinity
'''


def sh(*command: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, check=options.pop('check', True), text=True, **options)


def hosts(inventory: Path = INVENTORY) -> dict[str, dict]:
    """The lab's hosts by name, from the inventory."""
    return yaml.safe_load(inventory.read_text())['all']['hosts']


def holder() -> int | None:
    """Id of the process that keeps the namespaces of the lab open, None if the lab is down."""
    try:
        pid = int(HOLDER.read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid if b'infinity' in Path(f'/proc/{pid}/cmdline').read_bytes() else None


def inside(*command: str) -> list[str]:
    """The command that runs COMMAND in the namespaces of the lab."""
    return ['nsenter', '--target', str(holder()), '--mount', '--net', f'--wd={os.getcwd()}', '--', *command]


def host_command(name: str) -> list[str]:
    """What precedes a command that is to run as root on the host NAME: it enters its namespaces, with a new
    environment. It works inside the lab."""
    pid = (STATE / 'run' / f'{name}.pid').read_text()
    spaces = ['--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root', '--wd']
    return [
        'nsenter',
        '--target',
        pid,
        *spaces,
        'env',
        '-i',
        'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        'HOME=/root',
        'LANG=C.UTF-8',
    ]


def podman(*arguments: str, **options) -> subprocess.CompletedProcess:
    return sh(*inside(*PODMAN, *arguments), **options)


def create_namespaces() -> None:
    HOLDER.unlink(missing_ok=True)
    subprocess.Popen(
        ['unshare', '--mount', '--net', '--propagation', 'private', 'sh', '-c', NAMESPACES, 'sh', str(HOLDER)],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: holder() is not None, 'the private namespace', seconds=60)


def wait_for(is_ready, what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_ready():
        if time.monotonic() > deadline:
            raise SystemExit(f'lab: {what} was not ready after {seconds:.0f} s')
        time.sleep(0.2)


def up(part: str = '', names: t.Sequence[str] = ()) -> None:
    """Start the hosts of a PART; NAMES: only these of them."""
    wanted_hosts = hosts(OWN_HOSTS.get(part, INVENTORY))
    wanted_hosts = {name: host for name, host in wanted_hosts.items() if name in (names or wanted_hosts)}
    if part == 'machines':  # the mirror cannot be reached from inside the lab
        images.build([host['lab_image'] for host in hosts(MACHINES).values()], STATE / 'images')
    if holder():
        running = podman('ps', '--format={{.Names}}', check=False, capture_output=True).stdout.split()
        if sorted(running) == sorted(wanted_hosts):
            return
    down()
    remove_stale_state()
    wanted = sorted({host['lab_image'] for host in wanted_hosts.values()})
    images.build(wanted, STATE / 'images')
    if not KEY.exists():
        sh('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'portmatrix-lab', '-f', str(KEY))
    create_namespaces()
    podman('rm', '--all', '--force', '--time', '0', check=False, capture_output=True)
    for tag in map(images.tag, wanted):
        if podman('image', 'exists', f'localhost/lab-{tag}', check=False).returncode:
            podman(
                'import',
                '--quiet',
                str(STATE / 'images' / f'{tag}.tar'),
                f'localhost/lab-{tag}',
                stdout=subprocess.DEVNULL,
            )
    podman('network', 'create', *NETWORK, 'lab', stdout=subprocess.DEVNULL)
    for name, host in wanted_hosts.items():
        start(name, host)
    for name, host in wanted_hosts.items():
        wait_for(lambda host=host: accepts_ssh(host['ansible_host']), f'sshd of {name}', seconds=300)


def remove_stale_state() -> None:
    """Remove what a lab that was not stopped has left (after a power loss, a killed run): podman then starts as after a
    boot, with the images only."""
    for leftover in ('run', 'tmp', 'networks'):
        shutil.rmtree(STATE / leftover, ignore_errors=True)
    STATE.mkdir(parents=True, exist_ok=True)


def start(name: str, host: dict) -> None:
    limits = ['--pids-limit=0', '--ulimit=nofile=1024:4096', '--ulimit=nproc=4096:4096']
    podman(
        'run',
        *('--detach', '--privileged', '--cgroupns=private', '--systemd=always', *limits),
        *(
            f'--name={name}',
            f'--hostname={name}',
            f'--pidfile={STATE}/run/{name}.pid',
            f'--volume={KEY}.pub:/etc/ssh/authorized_keys/ops:ro',
        ),
        *('--network=lab', f'--ip={host["ansible_host"]}', f'--ip6={host["lab_ipv6"]}'),
        *(f'localhost/lab-{images.tag(host["lab_image"])}', '/sbin/init'),
        stdout=subprocess.DEVNULL,
    )


def accepts_ssh(address: str) -> bool:
    return (
        sh(*inside('ssh', *ssh_options(), f'ops@{address}', 'true'), check=False, capture_output=True).returncode == 0
    )


def ssh_options() -> list[str]:
    options = (
        'StrictHostKeyChecking=no',
        'UserKnownHostsFile=/dev/null',
        'LogLevel=ERROR',
        'ConnectTimeout=5',
        'BatchMode=yes',
    )
    return ['-i', str(KEY), *(word for option in options for word in ('-o', option))]


def down() -> None:
    pid = holder()
    if pid:
        podman('rm', '--all', '--force', '--time', '2', check=False, capture_output=True)
        podman('network', 'rm', '--force', 'lab', check=False, capture_output=True)
        os.kill(pid, signal.SIGTERM)
    HOLDER.unlink(missing_ok=True)


def run(command: list[str]) -> int:
    if not holder():
        raise SystemExit('lab: not running; start it: tests/lab/lab.py up')
    return sh(*inside(*command), check=False, env={**os.environ, 'PORTMATRIX_LAB_KEY': str(KEY)}).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('verb', choices=['up', 'down', 'run'])
    parser.add_argument('command', nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if os.geteuid():
        raise SystemExit('lab: must run as root (it creates namespaces and containers)')
    if arguments.verb == 'run':
        return run(
            [word for word in arguments.command if word != '--']
            if arguments.command[:1] == ['--']
            else arguments.command
        )
    if arguments.verb == 'up':
        part, *names = arguments.command or ['']
        up(part, names)
    else:
        down()
    return 0


if __name__ == '__main__':
    sys.exit(main())
