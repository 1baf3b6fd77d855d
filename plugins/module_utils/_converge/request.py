# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module is asked to do, and the results that need no back end."""

from __future__ import annotations

import typing as t

Result = t.Dict[str, t.Any]
# the result of a run that has nothing to change and no policy
UNCHANGED: Result = {'changed': False, 'digest': '', 'transition': 'none', 'added': 0, 'removed': 0, 'kept': 0}


class Request(t.NamedTuple):
    """`state`: enforced, absent or gathered; `document`: the policy as JSON, for enforced; `check`: change nothing;
    `confirm_timeout`: seconds in which a change has to be confirmed, 0 keeps it at once; `confirm_connections`: the
    documented connections that are established have to pass after the change too; `token`: the name of the change, by
    which the controller can ask for its end even if the module dies."""

    state: str
    backend: str = 'auto'
    document: t.Optional[str] = None
    check: bool = False
    confirm_timeout: int = 0
    confirm_connections: bool = False
    token: str = ''


def combined(results: t.Sequence[Result]) -> Result:
    """One result for changes to several back ends."""
    if len(results) == 1:
        return results[0]
    return {
        **UNCHANGED,
        'changed': any(result['changed'] for result in results),
        'backend': ', '.join(result['backend'] for result in results),
        'diff': [result['diff'] for result in results],
        'warnings': [text for result in results for text in result['warnings']],
        **{key: sum(result[key] for result in results) for key in ('added', 'removed', 'kept')},
        'transition': next((result['transition'] for result in results if result['transition'] != 'none'), 'none'),
        **next(({'pending': result['pending']} for result in results if 'pending' in result), {}),
    }
