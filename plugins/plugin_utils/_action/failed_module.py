# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that ended without a result (killed by its rollback, by the kernel, with its session): the host itself is
asked how the change ended."""

from __future__ import annotations

import time
import typing as t

from ansible.errors import AnsibleError

from ...module_utils._rollback.outcomes import CONFIRMED, ROLLED_BACK
from .._base.ansible_core import RemoteHost
from .confirmation import MAX_REASON, PATIENCE, Hung, time_limit
from .platforms.base import ChangeState, Platform

_PAUSE = 1.0  # seconds
_SECONDS = 20.0  # for one new connection


def explain(
    host: RemoteHost, platform: Platform, result: dict[str, t.Any], wanted: dict[str, t.Any]
) -> dict[str, t.Any]:
    """RESULT of the module for what was WANTED, with what became of the change."""
    reason = ' '.join(str(result.get('module_stderr') or result.get('msg') or '').split())[-MAX_REASON:]
    how = f'the module ended without a result on the host (exit code {result.get("rc", "unknown")}: {reason})'
    token = wanted.get('token')
    state = _wait(host, platform, token, wanted['confirm_timeout'] + PATIENCE) if token else None
    rolled_back, what = _judge(state)
    plain = {key: value for key, value in result.items() if key != 'exception'}
    return {**plain, 'changed': rolled_back is False, 'rolled_back': rolled_back, 'msg': f'{how}; {what}'}


def explain_lost(host: RemoteHost, platform: Platform, problem: str, wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    """The result for a connection that was lost while the module may have been at work. A host that does not answer
    again at once stays unreachable."""
    token = wanted.get('token')
    state = _ask(host, platform, token, _SECONDS) if token else None
    if state is None:
        seconds = wanted['confirm_timeout']
        advice = f'a change that had begun is rolled back by the host within {seconds} s' if token else 'check the host'
        return {'unreachable': True, 'changed': False, 'msg': f'{problem}; {advice}'}
    if state.is_pending:
        state = _wait(host, platform, token or '', wanted['confirm_timeout'] + PATIENCE)
    rolled_back, what = _judge(state)
    how = f'the connection was lost while the module was at work ({" ".join(problem.split())[-MAX_REASON:]})'
    return {'failed': True, 'changed': rolled_back is False, 'rolled_back': rolled_back, 'msg': f'{how}; {what}'}


def _judge(state: ChangeState | None) -> tuple[bool | None, str]:
    """(whether the host is as before, in words)."""
    if state is None or state.is_pending:
        return None, 'what it changed is unknown; check the host before you continue'
    if state.outcome is None:
        return True, 'it had not changed anything'
    if state.outcome['outcome'] == ROLLED_BACK:
        return True, f'the host has its former rules back: {state.outcome["reason"]}'
    if state.outcome['outcome'] == CONFIRMED:
        return False, 'the change was kept'
    return None, f'the host reports: {state.outcome["reason"]}; check it now'


def _wait(host: RemoteHost, platform: Platform, token: str, seconds: float) -> ChangeState | None:
    """What the host says when its change is decided, or at the latest after SECONDS."""
    deadline = time.monotonic() + seconds
    state: ChangeState | None = None
    while time.monotonic() < deadline:
        state = _ask(host, platform, token, deadline - time.monotonic())
        if state and not state.is_pending:
            return state
        time.sleep(_PAUSE)
    return state


def _ask(host: RemoteHost, platform: Platform, token: str, seconds: float) -> ChangeState | None:
    """What the host says over a new connection within SECONDS."""
    try:
        with time_limit(seconds):
            host.reconnect()
            return platform.change_state(host, token)
    except (AnsibleError, Hung, OSError):
        return None
