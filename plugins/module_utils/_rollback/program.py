# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that is stored with a pending change: `check`, `confirm TOKEN`, `rollback [TOKEN]`, `boot`.

It prints its outcome as one line of JSON.
"""

from __future__ import annotations

import json
import os
import typing as t

from . import decisions, dependencies as dependencies_of
from .dependencies import Dependencies
from .outcomes import CONFIRMED, ERROR, NOTHING, ROLLED_BACK, Outcome

_USAGE = 'usage: program check | confirm TOKEN | rollback [TOKEN] | boot'


def main(arguments: t.List[str]) -> int:
    """Returns 0 if the verb was carried out; 1 if the change is not confirmed, or could not be rolled back."""
    os.umask(0o077)
    outcome = execute(arguments, dependencies_of.real())
    print(json.dumps(outcome), flush=True)
    return int(outcome['outcome'] not in (CONFIRMED, ROLLED_BACK, NOTHING))


def execute(arguments: t.List[str], dependencies: Dependencies) -> Outcome:
    """Carry out ARGUMENTS: a verb, and a token for some."""
    verb, token = (*arguments, '', '')[:2]
    if verb == 'check':
        return {'outcome': NOTHING}  # that it runs is all there is to check
    if verb == 'confirm' and token:
        return decisions.confirm(token, dependencies)
    if verb == 'rollback':
        change = dependencies.store.read() if token else None
        if token and (change is None or change.token != token):
            return {'outcome': NOTHING}  # the timer of another change
        return decisions.end_pending_change('it was not confirmed in time', dependencies)
    if verb == 'boot':
        return decisions.end_pending_change(
            'the host rebooted before the change was confirmed', dependencies, boot=True
        )
    return {'outcome': ERROR, 'reason': _USAGE}
