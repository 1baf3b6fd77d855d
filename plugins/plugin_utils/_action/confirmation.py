# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirm a change over a new connection, which proves that management access still works.

A change that is not confirmed is rolled back by the host itself.
"""

from __future__ import annotations

import contextlib
import signal
import time
import typing as t

from ansible.errors import AnsibleError

from ...module_utils._rollback.outcomes import CONFIRMED, REFUSED, ROLLED_BACK, UNKNOWN, Outcome
from .._base.ansible_core import RemoteHost
from .platforms.base import Answer, Channel

_PAUSE = 0.5  # seconds
_NO_TIME = 'the new connection did not answer'
PATIENCE = 25  # seconds after the end of the window in which a host has to answer again
MAX_REASON = 300  # characters


class Hung(Exception):
    """A connection did not answer in its time."""


class Confirmation:
    """The pending change TOKEN on HOST, with a window of SECONDS that has just begun."""

    def __init__(self, host: RemoteHost, channel: Channel, token: str, seconds: int) -> None:
        self.host, self.channel, self.token = host, channel, token
        self.end = time.monotonic() + seconds

    def result(self) -> Outcome:
        """How the change ended: `outcome` (confirmed, rolled back, refused, unknown), `reason`, `settled`."""
        reason = ''
        while time.monotonic() < self.end - 1:
            answer, why = self._call(self.channel.confirm, self.end - time.monotonic())
            if answer and answer['outcome'] == REFUSED:
                return self._wait_for_rollback(answer['reason'])
            if answer and answer['outcome'] != UNKNOWN:
                return answer
            why = answer['reason'] if answer else why
            # the last attempt may only have had no time: what an earlier one says is better
            reason = reason if reason and why.startswith(_NO_TIME) else why
            time.sleep(_PAUSE)
        return self._wait_for_rollback(reason or 'no answer')

    def _wait_for_rollback(self, reason: str) -> Outcome:
        """Wait until the host has rolled back by itself, and read the outcome."""
        time.sleep(max(0.0, self.end - time.monotonic()))
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            time.sleep(_PAUSE)
            answer, _why = self._call(self.channel.outcome, deadline - time.monotonic())
            if answer and answer.get('token') == self.token and answer['outcome'] != UNKNOWN:
                return {**answer, 'reason': reason} if answer['outcome'] == ROLLED_BACK else answer
        return {'outcome': UNKNOWN, 'reason': reason}

    def _call(self, ask: t.Callable[[], Answer], seconds: float) -> Answer:
        """What ASK returns over a new connection."""
        try:
            with time_limit(seconds):
                self.host.reconnect()
                answer, reason = ask()
        except (AnsibleError, Hung, OSError) as error:
            answer, reason = None, str(error)
        return answer, ' '.join(reason.split())[:MAX_REASON]


@contextlib.contextmanager
def time_limit(seconds: float) -> t.Iterator[None]:
    """Raise Hung after SECONDS, unless Ansible's own timer (the task's `timeout`) is running already."""
    if signal.getitimer(signal.ITIMER_REAL)[0] > 0:
        yield
        return

    def ring(_signal: int, _frame: t.Any) -> None:
        raise Hung(f'{_NO_TIME} within {seconds:.0f} s')

    former = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1.0))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def complete(
    host: RemoteHost,
    open_channel: t.Callable[[dict[str, str]], Channel],
    module_result: dict[str, t.Any],
    seconds: int,
) -> dict[str, t.Any]:
    """The result of the task: MODULE_RESULT with its pending change confirmed, or reported as rolled back."""
    pending = module_result.pop('pending', None)
    if not pending:
        return module_result
    answer = Confirmation(host, open_channel(pending), pending['token'], seconds).result()
    if answer['outcome'] == CONFIRMED:
        return {**module_result, 'settled': answer.get('settled', True)}
    message = _failure(answer['outcome'], answer.get('reason', ''), seconds)
    rolled_back = True if answer['outcome'] == ROLLED_BACK else None
    return {**module_result, 'failed': True, 'changed': False, 'rolled_back': rolled_back, 'msg': message}


def _failure(outcome: str, reason: str, seconds: int) -> str:
    not_confirmed = 'the change was not confirmed over a new connection'
    if outcome == ROLLED_BACK:
        return f'{not_confirmed}, and the host has its former rules back: {reason}'
    if outcome == UNKNOWN:
        return (
            f'{not_confirmed}, and the host did not answer after its window of {seconds} s, so the result is unknown: '
            f'{reason}; a change that is not confirmed is rolled back by the host; check it before you continue'
        )
    return f'the change was not confirmed; the host reports: {reason}; check it now'
