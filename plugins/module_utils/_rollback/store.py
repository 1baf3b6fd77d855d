# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pending change on disk: what to return to, what to keep, and all the code that either needs.

The folder `pending` contains `state.json`, the code, a program that starts it, and one mark that says who has decided:
`armed` (nobody yet), `confirmed` or `rolling-back`. A mark is made by renaming `armed`, so that only one of a
confirmation and a rollback that race can win. The file `applied` says that applying has ended: what other programs have
put into the running firewall since then is newer than the snapshot.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import time
import typing as t

from .._backends.base import PlainData
from .._base import files, processes
from .._base.commands import run
from .._base.errors import BackendError
from .._base.memory import HOME
from .._model.connection import Connection
from . import bundle
from .outcomes import OUTCOME, Outcome

MARK_ARMED, MARK_CONFIRMED, MARK_ROLLING_BACK = 'armed', 'confirmed', 'rolling-back'
_MARKS = (MARK_ARMED, MARK_CONFIRMED, MARK_ROLLING_BACK)
_GRACE_SECONDS = 15  # for a rollback whose time has come
_ROLLBACK_SECONDS = 120


class Process(t.NamedTuple):
    """`started`: clock ticks since the host booted; no two processes share both values."""

    pid: int
    started: int

    @classmethod
    def current(cls) -> Process:
        return cls(os.getpid(), processes.start_time(os.getpid()))

    def is_alive(self) -> bool:
        return self.started == processes.start_time(self.pid)


class PendingChange(t.NamedTuple):
    """`timeout` in seconds; `applier`: the process that applied it, over the connection `applied_over` (None: no
    network); `connections`: the documented ones that were established; `snapshot` and `desired` belong to the back
    end."""

    token: str
    backend: str
    timeout: int
    applier: Process
    applied_over: t.Optional[Connection]
    connections: t.List[Connection]
    snapshot: PlainData
    desired: PlainData

    @classmethod
    def from_data(cls, data: t.Dict[str, t.Any]) -> PendingChange:
        """From the result of `_asdict`, by way of JSON."""
        over = data['applied_over']
        return cls(
            **{
                **data,
                'applier': Process(*data['applier']),
                'applied_over': Connection(*over) if over else None,
                'connections': [Connection(*fields) for fields in data['connections']],
            }
        )


class Store:
    """The pending change of this host, in the folder HOME; at most one exists at a time."""

    def __init__(self, home: str = HOME, outcome_path: str = OUTCOME) -> None:
        self.home, self.pending, self.outcome_path = home, f'{home}/pending', outcome_path

    def command(self, folder: str = '') -> t.List[str]:
        """What starts the program in FOLDER, that of the pending change by default. No word needs quotes."""
        return ['/bin/sh', f'{folder or self.pending}/run']

    def rehearsal_command(self, token: str) -> t.List[str]:
        """What proves that the program of a change that is not committed yet can run."""
        return [*self.command(self.unfinished(token)), 'check']

    def unfinished(self, token: str) -> str:
        """The folder of the change TOKEN until it is committed."""
        return f'{self.pending}.{token}.new'

    def reference(self, token: str) -> t.Dict[str, str]:
        """What the controller needs to confirm the change TOKEN."""
        return {'token': token, 'command': ' '.join(self.command()), 'outcome': self.outcome_path}

    def is_pending(self) -> bool:
        return os.path.isdir(self.pending)

    def prepare(self, change: PendingChange) -> None:
        """Write CHANGE to disk, beside its final place."""
        files.make_private_folder(self.home)
        self._remove_unfinished()
        folder = self.unfinished(change.token)
        os.makedirs(folder, mode=0o700)
        files.write(os.path.join(folder, bundle.NAME), bundle.archive(), 0o600)
        files.write(os.path.join(folder, 'program'), bundle.PROGRAM, 0o600)
        files.write(os.path.join(folder, 'run'), bundle.starter(), 0o600)
        files.write(os.path.join(folder, 'state.json'), json.dumps(change._asdict()), 0o600)
        files.write(os.path.join(folder, MARK_ARMED), '', 0o600)
        files.sync_folder(folder)

    def commit(self, token: str) -> None:
        """Make the prepared change TOKEN the pending one, undecided: wholly, or not at all."""
        files.remove(self.outcome_path)
        os.rename(self.unfinished(token), self.pending)
        files.sync_folder(self.home)

    def mark_applied(self) -> None:
        """Note that applying has ended, for people who look. Raises OSError if the change is no longer pending."""
        os.close(os.open(f'{self.pending}/applied', os.O_WRONLY | os.O_CREAT, 0o600))

    def read(self) -> t.Optional[PendingChange]:
        """The pending change, or None."""
        text = files.read(f'{self.pending}/state.json')
        return PendingChange.from_data(json.loads(text)) if text else None

    def decision(self) -> str:
        """The mark of the pending change, "" if there is none."""
        return next((mark for mark in _MARKS if os.path.exists(f'{self.pending}/{mark}')), '')

    def decide(self, decision: str) -> bool:
        """Decide for MARK_CONFIRMED or MARK_ROLLING_BACK; returns whether that is the decision, and not the other
        one."""
        try:
            os.rename(f'{self.pending}/{MARK_ARMED}', f'{self.pending}/{decision}')
        except OSError:
            return self.decision() == decision
        files.sync_folder(self.pending)
        return True

    def revoke(self) -> None:
        """Undo a confirmation whose change cannot be kept: a rollback is possible again."""
        os.rename(f'{self.pending}/{MARK_CONFIRMED}', f'{self.pending}/{MARK_ARMED}')

    def write_outcome(self, outcome: Outcome) -> None:
        """Store the OUTCOME for whoever asks, until the next boot or the next change."""
        files.write(self.outcome_path, json.dumps(outcome) + '\n', 0o600)

    def outcome(self, token: str) -> t.Optional[Outcome]:
        """How the change TOKEN ended, if it was the last one since boot."""
        try:
            outcome: Outcome = json.loads(files.read(self.outcome_path) or '')
        except (OSError, ValueError):
            return None
        return outcome if outcome.get('token') == token else None

    def remove(self) -> None:
        """Remove the pending change from disk."""
        self._remove_unfinished()
        if self.is_pending():
            os.rename(self.pending, f'{self.pending}.gone')
            self._remove_unfinished()
        files.remove_folder(self.home)

    def wait_until_decided(self) -> None:
        """Wait until no change is pending.

        One that nobody decided in its time (its timer was stopped, its end was cut short) is rolled back now. Raises
        BackendError if it is pending even then, and if others may have written it.
        """
        files.require_private(self.home)
        deadline = time.monotonic() + self._timeout() + _GRACE_SECONDS
        while self.is_pending():
            if time.monotonic() > deadline:
                self._roll_back_now()
                return
            time.sleep(0.2)

    def _roll_back_now(self) -> None:
        command = [*self.command(), 'rollback']
        result = run(command, check=False, timeout=_ROLLBACK_SECONDS)
        if self.is_pending():
            raise BackendError(
                f'{self.pending}: the change of another run is pending and cannot be rolled back '
                f'({(result.stdout + result.stderr).strip()}); see journalctl -t portmatrix, fix the cause, then run: '
                f'{" ".join(command)}'
            )

    def _timeout(self) -> int:
        """The timeout of the pending change, which another version of portmatrix may have written."""
        try:
            return int(json.loads(files.read(f'{self.pending}/state.json') or '{}')['timeout'])
        except (ValueError, KeyError, TypeError):
            return 0

    def _remove_unfinished(self) -> None:
        """Remove what runs that were killed before they could commit have left."""
        for folder in (*glob.glob(f'{self.pending}.*.new'), f'{self.pending}.gone'):
            shutil.rmtree(folder, ignore_errors=True)
