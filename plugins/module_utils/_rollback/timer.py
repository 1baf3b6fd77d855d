# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer that rolls a change back, owned by the operating system: no Ansible, no controller and no network is needed for it."""

from __future__ import annotations

import os
import subprocess
import typing as t

from .._base import files
from .._base.commands import exists, run
from .store import HOME, PENDING, command, unfinished

UNIT = 'portmatrix-rollback'
# for a host that starts anew while a change waits: before any firewall reads its files
_BOOT = f'/etc/systemd/system/{UNIT}-boot.service'
_WANTED = f'/etc/systemd/system/sysinit.target.wants/{UNIT}-boot.service'
_BOOT_TEXT = f'''[Unit]
Description=Roll back a firewall change that was not confirmed (portmatrix.firewall)
DefaultDependencies=no
RequiresMountsFor={' '.join(command())}
After=local-fs.target
Before=firewalld.service ufw.service network-pre.target
ConditionPathExists={PENDING}/program

[Service]
Type=oneshot
SyslogIdentifier=portmatrix
ExecStart={' '.join(command())} boot
'''


def _systemd() -> bool:
    return os.path.isdir('/run/systemd/system') and exists('systemd-run')


def check(command: t.List[str]) -> None:
    """Raise BackendError where what starts the timer could not run COMMAND: it has another environment and other rights than we have here."""
    environment = ['env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']
    run(
        ['systemd-run', '--quiet', '--wait', '--pipe', '--collect', f'--unit={UNIT}-check', *command]
        if _systemd()
        else [*environment, *command]
    )


def arm(seconds: int, token: str) -> None:
    """Roll the change TOKEN back in SECONDS, by a clock that nobody can set, and at the next start of the host if that comes first."""
    script = f'[ ! -e {PENDING}/program ] || exec {" ".join(command())} rollback {token}; rm -rf {unfinished(token)}; rmdir {HOME} 2>/dev/null || :'
    if not _systemd():
        # a process of its own, which the end of this session does not reach
        subprocess.Popen(
            ['sh', '-c', f'sleep {seconds}; {script}'],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return
    files.write(_BOOT, _BOOT_TEXT)
    os.makedirs(os.path.dirname(_WANTED), exist_ok=True)
    if not os.path.islink(_WANTED):
        os.symlink(_BOOT, _WANTED)
    files.sync_folder(os.path.dirname(_WANTED))
    run(['systemctl', '--quiet', 'stop', f'{UNIT}.timer', f'{UNIT}.service'], check=False)
    run(
        [
            'systemd-run',
            '--quiet',
            '--collect',
            f'--unit={UNIT}',
            f'--on-active={seconds}',
            '--timer-property=AccuracySec=100ms',
            '--property=SyslogIdentifier=portmatrix',
            # what stands in the way of a rollback (a package being upgraded, a lock) may go away
            '--property=Restart=on-failure',
            '--property=RestartSec=10',
            '/bin/sh',
            '-c',
            script,
        ]
    )


def disarm() -> None:
    """Nothing is to be rolled back any more. The service is not stopped: it may be what calls this."""
    files.remove(_WANTED)
    files.remove(_BOOT)
    if _systemd():
        run(['systemctl', '--quiet', 'stop', f'{UNIT}.timer'], check=False)
