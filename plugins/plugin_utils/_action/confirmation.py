# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirm a change over a new connection: the proof that management still comes in. What is not confirmed, the host rolls back by itself."""

from __future__ import annotations

import contextlib
import signal
import time
import typing as t

from ansible.errors import AnsibleError

_PAUSE = 0.5
_PATIENCE = 25  # seconds after the end of the window in which a host has to be back


class _Hung(Exception):
    """A connection gave no answer in its time."""


class Confirmation:
    """The change TOKEN, applied with a window of SECONDS that began just before; the CHANNEL of its platform asks the host."""

    def __init__(self, action: t.Any, channel: t.Any, token: str, seconds: int):
        self.action, self.channel, self.token = action, channel, token
        self.end = time.monotonic() + seconds

    def ask(self) -> dict[str, t.Any]:
        """How the change ended: `outcome` (confirmed, rolled back, refused, unknown), `reason`, `settled`."""
        reason = 'no answer'
        while time.monotonic() < self.end - 1:
            answer, reason = self._call(self.channel.confirm, self.end - time.monotonic())
            if answer:
                return answer if answer['outcome'] != 'refused' else self._learn(answer['reason'])
            time.sleep(_PAUSE)
        return self._learn(reason)

    def _learn(self, reason: str) -> dict[str, t.Any]:
        """Wait for the host's own rollback and hear of it."""
        time.sleep(max(0.0, self.end - time.monotonic()))
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            time.sleep(_PAUSE)
            answer, _why = self._call(self.channel.outcome, deadline - time.monotonic())
            if answer and answer.get('token') == self.token:
                return {**answer, 'reason': reason} if answer['outcome'] == 'rolled back' else answer
        return {'outcome': 'unknown', 'reason': reason}

    def _call(
        self, ask: t.Callable[[], tuple[dict[str, t.Any] | None, str]], seconds: float
    ) -> tuple[dict[str, t.Any] | None, str]:
        """What to ASK gives over a new connection: (the answer, why there is none)."""
        try:
            with _at_most(seconds):
                self.action._connection.reset()
                answer, reason = ask()
        except (AnsibleError, _Hung, OSError) as error:
            answer, reason = None, str(error)
        return answer, ' '.join(reason.split())[:300]


@contextlib.contextmanager
def _at_most(seconds: float) -> t.Iterator[None]:
    """Raise _Hung after SECONDS, unless a timer of Ansible's own runs already (the task's `timeout`)."""
    if signal.getitimer(signal.ITIMER_REAL)[0] > 0:
        yield
        return

    def ring(_signal: int, _frame: t.Any) -> None:
        raise _Hung(f'the new connection gave no answer within {seconds:.0f} s')

    former = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1.0))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def finish(
    action: t.Any, channel: t.Callable[[dict[str, str]], t.Any], outcome: dict[str, t.Any], seconds: int
) -> dict[str, t.Any]:
    """The result of the task whose module gave OUTCOME; a change that waits is confirmed over a CHANNEL, or reported as rolled back."""
    pending = outcome.pop('pending', None)
    if not pending:
        return outcome
    answer = Confirmation(action, channel(pending), pending['token'], seconds).ask()
    if answer['outcome'] == 'confirmed':
        return {**outcome, 'settled': answer.get('settled', True)}
    texts = {
        'rolled back': f'the change was not confirmed over a new connection, and the host has its former rules back: {answer.get("reason", "")}',
        'unknown': f'the change was not confirmed over a new connection, and the host did not answer after its window of {seconds} s either: '
        f'{answer.get("reason", "")}. It rolls itself back without us; look at it before you go on',
    }
    text = texts.get(
        answer['outcome'],
        f'the change was not confirmed, and the host says: {answer.get("reason", "")}; look at it now',
    )
    return {**outcome, 'failed': True, 'changed': False, 'rolled_back': answer['outcome'] == 'rolled back', 'msg': text}
