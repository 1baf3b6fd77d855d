# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins share: checked arguments, required libraries, domain errors turned into Ansible's."""

from __future__ import annotations

import abc
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ...module_utils._base.errors import PortmatrixError
from .._base import libraries


class PortmatrixAction(ActionBase):
    """An action with an argument specification (ARGUMENTS) that does its work in `perform`."""

    ARGUMENTS: t.ClassVar[dict[str, t.Any]] = {}
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(self.ARGUMENTS)
        try:
            libraries.require()
            result.update(self.perform(arguments, task_vars or {}))
        except PortmatrixError as error:
            raise AnsibleActionFail(str(error)) from error
        return result

    @abc.abstractmethod
    def perform(self, arguments: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        """The result of the task. A PortmatrixError becomes its failure."""
