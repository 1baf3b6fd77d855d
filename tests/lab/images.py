"""Root file systems of the lab's hosts, which start as containers or as virtual machines.

They are built with mmdebstrap from the Debian mirror of this machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

SUITES = {
    'debian11': 'bullseye',
    'debian12': 'bookworm',
    'debian13': 'trixie',
    'testing': 'testing',
    'unstable': 'unstable',
    'products13': 'trixie',
    'machine12': 'bookworm',
    'machine13': 'trixie',
}
INCLUDE = [
    'systemd',
    'systemd-sysv',
    'dbus',
    'python3',
    'openssh-server',
    'iproute2',
    'nftables',
    'iptables',
    'firewalld',
    'ufw',
    'procps',
    'sudo',
]
# additional packages of a virtual machine (machine12, machine13)
MACHINE = [
    'linux-image-cloud-amd64',
    'qemu-guest-agent',
    'network-manager',
    'ipset',
    'docker.io',
    'busybox-static',
    'fail2ban',
    'python3-systemd',
]
# products with a catalog, as Debian packages them
PRODUCTS = [
    'etcd-server',
    'etcd-client',
    'prometheus',
    'prometheus-alertmanager',
    'prometheus-node-exporter',
    'redis-server',
    'redis-sentinel',
    'rabbitmq-server',
    'mariadb-server',
    'galera-4',
    'rsync',
]
SUITE_ONLY = {'machine13': ['docker-cli']}  # a separate package in one suite only
# Debian starts firewalld at boot; the hosts have the state in which an administrator finds them: firewalld on, ufw off.
CUSTOMIZE = [
    'chroot "$1" useradd --create-home --shell /bin/bash ops',
    'echo "ops ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/ops"',
    'echo "AuthorizedKeysFile /etc/ssh/authorized_keys/%u" > "$1/etc/ssh/sshd_config.d/lab.conf"',
    'chroot "$1" systemctl mask systemd-modules-load.service systemd-networkd-wait-online.service',
    'chroot "$1" systemctl disable ufw.service',
    'rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/locale/*',
]
PRODUCT_SERVICES = (
    'etcd prometheus prometheus-alertmanager prometheus-node-exporter redis-server redis-sentinel rabbitmq-server '
    'epmd.socket mariadb'
)
STARTED_BY_TESTS = ['chroot "$1" systemctl disable docker.service docker.socket containerd.service fail2ban.service']


def is_machine(name: str) -> bool:
    return name.startswith('machine')


def packages(name: str) -> list[str]:
    more = MACHINE if is_machine(name) else PRODUCTS if name.startswith('products') else []
    return [*INCLUDE, *more, *SUITE_ONLY.get(name, [])]


def hooks(name: str) -> list[str]:
    if name.startswith('products'):
        return [*CUSTOMIZE, f'chroot "$1" systemctl disable {PRODUCT_SERVICES}']
    return [*CUSTOMIZE, *(STARTED_BY_TESTS if is_machine(name) else [])]


def tag(name: str) -> str:
    """NAME with a digest of its recipe: another recipe is another image."""
    return f'{name}-{hashlib.sha256(json.dumps([SUITES[name], packages(name), hooks(name)]).encode()).hexdigest()[:8]}'


def build(names: list[str], folder: Path) -> None:
    """Build each FOLDER/TAG.tar that does not exist yet, in parallel; those of former recipes are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for former in set(folder.iterdir()) - {folder / f'{tag(name)}.tar' for name in SUITES}:
        former.unlink()
    jobs = [
        (name, start_build(name, folder / f'{tag(name)}.tar'))
        for name in names
        if not (folder / f'{tag(name)}.tar').exists()
    ]
    for name, job in jobs:
        if job.wait():
            raise SystemExit(f'lab: building the image {name} failed (output above)')
        os.replace(folder / f'{tag(name)}.tar.part', folder / f'{tag(name)}.tar')


def start_build(name: str, target: Path) -> subprocess.Popen:
    print(f'lab: building {target.name} ({SUITES[name]}), about a minute', flush=True)
    customize = [f'--customize-hook={line}' for line in hooks(name)]
    # a mirror may be some days behind
    options = ['--quiet', '--variant=minbase', '--format=tar', '--aptopt=Acquire::Check-Valid-Until "false"']
    options += [f'--include={",".join(packages(name))}', *customize]
    return subprocess.Popen(['mmdebstrap', *options, SUITES[name], f'{target}.part', *mirror()])


def mirror() -> list[str]:
    """The Debian mirror that this machine is set up to use; empty (the default of mmdebstrap) if apt has none."""
    listing = subprocess.run(
        [
            'apt-get',
            'indextargets',
            '--format',
            '$(REPO_URI)',
            'Identifier: Packages',
            'Component: main',
            'Label: Debian',
        ],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    return listing[:1]
