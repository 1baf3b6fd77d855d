"""Root file systems of the lab's hosts, built with mmdebstrap from the machine's own Debian mirror."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SUITES = {'debian12': 'bookworm', 'debian13': 'trixie'}
INCLUDE = ['systemd', 'systemd-sysv', 'dbus', 'python3', 'openssh-server', 'iproute2', 'nftables', 'iptables', 'firewalld', 'ufw', 'procps', 'sudo']
# Debian's firewalld starts with the machine; the lab wants hosts as an administrator finds them: firewalld on, ufw off.
CUSTOMIZE = [
    'chroot "$1" useradd --create-home --shell /bin/bash ops',
    'echo "ops ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/ops"',
    'echo "AuthorizedKeysFile /etc/ssh/authorized_keys/%u" > "$1/etc/ssh/sshd_config.d/lab.conf"',
    'chroot "$1" systemctl mask systemd-modules-load.service systemd-networkd-wait-online.service',
    'chroot "$1" systemctl disable ufw.service',
    'rm -rf "$1"/usr/share/doc/* "$1"/usr/share/man/* "$1"/usr/share/locale/*',
]


def build(names: list[str], folder: Path) -> None:
    """Build FOLDER/NAME.tar for every name that is not there yet, side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(name, start(SUITES[name], folder / f'{name}.tar')) for name in names if not (folder / f'{name}.tar').exists()]
    for name, job in jobs:
        if job.wait():
            raise SystemExit(f'lab: building the image {name} failed (output above)')
        os.replace(folder / f'{name}.tar.part', folder / f'{name}.tar')


def start(suite: str, target: Path) -> subprocess.Popen:
    print(f'lab: building {target.name} ({suite}), about 40 s', flush=True)
    hooks = [f'--customize-hook={line}' for line in CUSTOMIZE]
    return subprocess.Popen(
        ['mmdebstrap', '--quiet', '--variant=minbase', '--format=tar', f'--include={",".join(INCLUDE)}', *hooks, suite, f'{target}.part', *mirror()]
    )


def mirror() -> list[str]:
    """The Debian mirror that this machine is set up to use; empty (mmdebstrap's own choice) where apt knows none."""
    listing = subprocess.run(
        ['apt-get', 'indextargets', '--format', '$(REPO_URI)', 'Identifier: Packages', 'Component: main', 'Label: Debian'],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    return listing[:1]
