# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domain errors. Only the edge (an action, a lookup, a module) turns them into errors of Ansible."""

from __future__ import annotations


class PortmatrixError(Exception):
    """One or more problems, each a full sentence that names the place and the fix.

    `PortmatrixError('a', 'b').problems` is `['a', 'b']`; its text lists them all, so that an operator can fix
    everything at once."""

    def __init__(self, *problems: str) -> None:
        self.problems = list(problems)
        lines = '\n'.join(f'- {problem}' for problem in problems)
        super().__init__(problems[0] if len(problems) == 1 else f'{len(problems)} problems:\n{lines}')


class BackendError(PortmatrixError):
    """The firewall of a host is in a state that cannot be worked with, or did not do what it was told to do."""


class RolledBack(BackendError):
    """A change was tried and failed; the host has its former rules again."""


class Refused(PortmatrixError):
    """The change would be wrong or dangerous; nothing was changed."""
