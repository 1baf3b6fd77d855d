# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Domain errors. Only the edge (an action, a lookup, a module) turns them into errors of Ansible."""

from __future__ import annotations


class PortmatrixError(Exception):
    """One or more problems, each a full sentence that names the place and the fix.

    `PortmatrixError('a', 'b').problems` is `['a', 'b']`; its text lists them all, so that an operator can mend everything in one go.
    """

    def __init__(self, *problems: str):
        self.problems = list(problems)
        super().__init__(
            problems[0]
            if len(problems) == 1
            else f'{len(problems)} problems:\n' + '\n'.join(f'- {line}' for line in problems)
        )


class BackendError(PortmatrixError):
    """A host's firewall is not in a state that can be worked with, or did not do what it was told."""


class RolledBack(BackendError):
    """It was tried, failed, and the host has its former rules back."""


class Refused(PortmatrixError):
    """The change would be wrong or dangerous; nothing was touched."""
