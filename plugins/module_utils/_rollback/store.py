# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change that waits for its confirmation, as it lies on the host: what to go back to, what to keep, and all the code that either needs.

The folder PENDING holds `state.json`, the code, a program that starts it, and one mark that says who has decided: `armed` (nobody yet), `confirmed` or
`rolling-back`. A mark is made by renaming `armed`, so that of a confirmation and a rollback that race only one wins. `applied` says that applying came to
its end: what others have in the running firewall since then is theirs.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import sys
import time
import typing as t

from .._base import files
from .._base.commands import run
from .._base.errors import BackendError
from . import bundle

HOME = '/var/lib/portmatrix'
PENDING = f'{HOME}/pending'
OUTCOME = '/run/portmatrix-outcome.json'
ARMED, CONFIRMED, ROLLING_BACK = 'armed', 'confirmed', 'rolling-back'
_GRACE = 15  # seconds that a rollback may take after its time has come


def command() -> t.List[str]:
    """What starts the program. By its interpreter, as nothing under /var may be executed on some hosts (mounted noexec, SELinux)."""
    return [sys.executable, f'{PENDING}/program']


def unfinished(token: str) -> str:
    """Where the change TOKEN lies until it is committed."""
    return f'{PENDING}.{token}.new'


def trial(token: str) -> t.List[str]:
    """What shows that the program of a change that is not committed yet can run."""
    return [sys.executable, f'{unfinished(token)}/program', 'check']


class Pending(t.NamedTuple):
    """`token` names the change; `connection` is the one that applied it (address and port of the other end), `applier` the process that did (its id and
    when it started); `flows` are the documented connections that stood before; `before` and `after` are the back end's."""

    token: str
    backend: str
    timeout: int
    applier: t.List[int]
    connection: t.Optional[t.List[t.Any]]
    flows: t.List[t.List[t.Any]]
    before: t.Dict[str, t.Any]
    after: t.Dict[str, t.Any]


def prepare(pending: Pending) -> None:
    """Put PENDING on disk, beside its place."""
    _sweep()
    folder = unfinished(pending.token)
    os.makedirs(folder, mode=0o700)
    files.write(os.path.join(folder, bundle.NAME), bundle.archive(), 0o600)
    files.write(os.path.join(folder, 'program'), bundle.PROGRAM, 0o600)
    files.write(os.path.join(folder, 'state.json'), json.dumps(pending._asdict()), 0o600)
    files.write(os.path.join(folder, ARMED), '', 0o600)
    files.sync_folder(folder)


def _sweep() -> None:
    """Drop what runs that were killed before they could commit have left."""
    for folder in (*glob.glob(f'{PENDING}.*.new'), f'{PENDING}.gone'):
        shutil.rmtree(folder, ignore_errors=True)


def commit(token: str) -> None:
    """The change TOKEN waits from now on, whole or not at all, decided by nobody yet."""
    files.remove(OUTCOME)
    os.rename(unfinished(token), PENDING)
    files.sync_folder(HOME)


def applied() -> None:
    """Applying has come to its end. Raises OSError where the change does not wait any more."""
    os.close(os.open(f'{PENDING}/applied', os.O_WRONLY | os.O_CREAT, 0o600))


def is_applied() -> bool:
    return os.path.exists(f'{PENDING}/applied')


def read() -> t.Optional[Pending]:
    """The change that waits, or None."""
    text = files.read(f'{PENDING}/state.json')
    return Pending(**json.loads(text)) if text else None


def decided() -> str:
    """The mark of the change that waits."""
    return next((mark for mark in (ARMED, CONFIRMED, ROLLING_BACK) if os.path.exists(f'{PENDING}/{mark}')), '')


def decide(mark: str) -> bool:
    """Whether MARK has won: nobody had decided otherwise."""
    try:
        os.rename(f'{PENDING}/{ARMED}', f'{PENDING}/{mark}')
    except OSError:
        return decided() == mark
    files.sync_folder(PENDING)
    return True


def revoke() -> None:
    """What was confirmed cannot be kept: the way back is open again."""
    os.rename(f'{PENDING}/{CONFIRMED}', f'{PENDING}/{ARMED}')


def tell(outcome: t.Dict[str, t.Any]) -> None:
    """Let whoever asks know the OUTCOME, until the host starts anew or another change comes."""
    files.write(OUTCOME, json.dumps(outcome) + '\n', 0o600)


def forget(outcome: t.Dict[str, t.Any]) -> None:
    """Nothing waits any more; OUTCOME says how it ended."""
    tell(outcome)
    remove()


def remove() -> None:
    """Take the change that waits off the disk."""
    _sweep()
    if os.path.isdir(PENDING):
        os.rename(PENDING, f'{PENDING}.gone')
        _sweep()
    files.remove_folder(HOME)


def wait() -> None:
    """Wait until no change waits for its confirmation. One that nobody decided in its time (its timer was stopped, its end was cut short) is decided now.

    Raises BackendError where it stays even so."""
    deadline = time.monotonic() + _timeout() + _GRACE
    while os.path.isdir(PENDING):
        if time.monotonic() > deadline:
            told = run([*command(), 'rollback'], check=False, timeout=120)
            if not os.path.isdir(PENDING):
                return
            raise BackendError(
                f'a change of another run waits for its confirmation ({PENDING}), and it cannot be rolled back ({(told.stdout + told.stderr).strip()}); '
                f'look at: journalctl -t portmatrix; once the cause is gone: {" ".join(command())} rollback'
            )
        time.sleep(0.2)


def _timeout() -> int:
    """Seconds for which the change that waits may do so; it may be one of another version of this collection."""
    try:
        return int(json.loads(files.read(f'{PENDING}/state.json') or '{}')['timeout'])
    except (ValueError, KeyError, TypeError):
        return 0


def process(pid: int) -> t.List[int]:
    """(PID, when it started in ticks since the host did), which no other process ever has; (PID, 0) where it is gone."""
    text = files.read(f'/proc/{pid}/stat') or ''
    return [pid, int(text.rpartition(')')[2].split()[19]) if text else 0]
