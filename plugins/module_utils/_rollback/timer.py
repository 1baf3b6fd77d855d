# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The timer that rolls a change back, owned by the operating system: it needs no Ansible, no controller, no network."""

from __future__ import annotations

import os
import subprocess
import sys
import typing as t

from .._base import files, systemd
from .._base.commands import PATH, run
from .store import Store

UNIT = 'portmatrix-rollback'
RESTART_SECONDS = 10
# for a host that reboots while a change is pending: before any firewall reads its files
_BOOT_UNIT = f'/etc/systemd/system/{UNIT}-boot.service'
_BOOT_LINK = f'/etc/systemd/system/sysinit.target.wants/{UNIT}-boot.service'
_BOOT_TEXT = """[Unit]
Description=Roll back a firewall change that was not confirmed (portmatrix.firewall)
DefaultDependencies=no
RequiresMountsFor={pending} {interpreter}
After=local-fs.target
Before=firewalld.service ufw.service network-pre.target
ConditionPathExists={pending}/program

[Service]
Type=oneshot
SyslogIdentifier=portmatrix
ExecStart={command} boot
"""


class RollbackTimer:
    """Starts the program of the pending change in STORE."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._command = ' '.join(store.command())

    def rehearse(self, token: str) -> None:
        """Run the program of the prepared change TOKEN once, without effect.

        Raises BackendError if it cannot run where the timer will start it: with another environment and other rights
        than this process has.
        """
        command = self._store.rehearsal_command(token)
        if systemd.is_running():
            options = ['--quiet', '--wait', '--pipe', '--collect', f'--unit={UNIT}-check']
            run(['systemd-run', *options, *command])
        else:
            run(['env', '-i', f'PATH={PATH}', *command])

    def arm(self, seconds: int, token: str) -> None:
        """Roll the change TOKEN back in SECONDS of a monotonic clock, or at the next boot if that comes first."""
        script = self._script(token)
        if not systemd.is_running():
            # a process of its own, which does not end with this session
            subprocess.Popen(
                ['sh', '-c', f'sleep {seconds}; {script}'],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            return
        self._arm_boot()
        run(['systemctl', '--quiet', 'stop', f'{UNIT}.timer', f'{UNIT}.service'], check=False)
        run(['systemd-run', *_timer_options(seconds), '/bin/sh', '-c', script])

    def disarm(self) -> None:
        """Cancel the rollback. The service is not stopped: it may be what calls this."""
        files.remove(_BOOT_LINK)
        files.remove(_BOOT_UNIT)
        if systemd.is_running():
            run(['systemctl', '--quiet', 'stop', f'{UNIT}.timer'], check=False)

    def _script(self, token: str) -> str:
        store = self._store
        return (
            f'[ ! -e {store.pending}/program ] || exec {self._command} rollback {token}; rm -rf '
            f'{store.unfinished(token)}; rmdir {store.home} 2>/dev/null || :'
        )

    def _arm_boot(self) -> None:
        words = dict(command=self._command, pending=self._store.pending, interpreter=_quoted(sys.executable))
        files.write(_BOOT_UNIT, _BOOT_TEXT.format(**words))
        os.makedirs(os.path.dirname(_BOOT_LINK), exist_ok=True)
        if not os.path.islink(_BOOT_LINK):
            os.symlink(_BOOT_UNIT, _BOOT_LINK)
        files.sync_folder(os.path.dirname(_BOOT_LINK))


def _timer_options(seconds: int) -> t.List[str]:
    return [
        '--quiet',
        '--collect',
        f'--unit={UNIT}',
        f'--on-active={seconds}',
        '--timer-property=AccuracySec=100ms',
        '--property=SyslogIdentifier=portmatrix',
        # what prevents a rollback (a package upgrade under way, a lock) may go away
        '--property=Restart=on-failure',
        f'--property=RestartSec={RESTART_SECONDS}',
    ]


def _quoted(path: str) -> str:
    """PATH as a word in a unit file of systemd."""
    return '"' + path.replace('\\', '\\\\').replace('"', '\\"').replace('%', '%%') + '"'
