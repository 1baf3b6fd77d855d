# Copyright: (c) 2026, the portmatrix.firewall authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks need of ansible-core beyond its public interface: templates, modules, connections, options.

Together with ansible_inventory.py the only file that uses such parts; when a new ansible-core breaks something, it is
to be fixed in these two.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader

from ...module_utils._base.errors import PortmatrixError
from .ansible_inventory import HostVarsWithoutFacts

_NOT_DECRYPTED = 'cannot be decrypted; pass --ask-vault-pass or --vault-password-file'
# of ansible-core 2.19 and later, and of those before
_ENCRYPTED = ('EncryptedString', 'AnsibleVaultEncryptedUnicode')


class TemplateResolver:
    """Resolves templates with the templar of a task."""

    def __init__(self, templar: t.Any, hostvars: t.Any, groups: dict[str, list[str]]) -> None:
        self._templar, self._groups = templar, groups
        self._hostvars = HostVarsWithoutFacts(hostvars)

    def as_ansible(self, value: t.Any) -> t.Any:
        """VALUE as Ansible itself resolves it in this task, facts included."""
        return plain(self._templar.template(value))

    def resolve(self, variables: t.Mapping[str, t.Any], name: str) -> t.Any:
        """The variable NAME of VARIABLES, which has to exist and to be without facts, with templates resolved, as plain
        data. No template sees a fact of any host. Raises PortmatrixError if a template cannot be resolved.
        """
        value = variables[name]
        if _has_template(value):
            scope = {**variables, 'hostvars': self._hostvars, 'groups': self._groups}
            try:
                value = _copy(self._templar, scope).template(value)
            except Exception as error:  # a template may call any plugin, so anything may be raised
                if 'decrypt' in str(error):
                    raise PortmatrixError(f'{name}: {_NOT_DECRYPTED} ({error})') from error
                raise PortmatrixError(
                    f'{name}: the template cannot be resolved ({error}); fix it, or the variables that it uses (facts, '
                    'set_fact and register are not among them, since what a host says of itself decides nothing)'
                ) from error
        try:
            return plain(value)
        except AnsibleError as error:
            raise PortmatrixError(f'{name}: {_NOT_DECRYPTED} ({error})') from error


def ssh_arguments(get: t.Callable[[str], t.Any]) -> list[str]:
    """The arguments that the connection plugin ssh gives to ssh, for the host whose variables GET returns."""
    connection_loader.get('ssh', class_only=True)  # its configuration is defined when it is loaded
    texts = []
    for option in ('ssh_args', 'ssh_common_args', 'ssh_extra_args'):
        declared = get(f'ansible_{option}')
        default = vars(constants)['config'].get_config_value(option, plugin_type='connection', plugin_name='ssh')
        texts.append(str(default if declared is None else declared))
    return [text for text in texts if text]


def plain(value: t.Any) -> t.Any:
    """VALUE as built-in types: decrypted if it is from a vault, without the tags of ansible-core 2.19 and later.

    Raises AnsibleError if it cannot be decrypted.
    """
    if type(value).__name__ in _ENCRYPTED:
        return str(value)
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def run_folder() -> Path:
    """The folder that Ansible creates for one run, shares among all its processes, and removes at the end."""
    return Path(vars(constants)['DEFAULT_LOCAL_TMP'])


def validate(specification: dict[str, t.Any], values: dict[str, t.Any]) -> tuple[dict[str, t.Any], list[str]]:
    """(VALUES coerced to an argument SPECIFICATION with its defaults, error messages)."""
    result = ArgumentSpecValidator(specification).validate(values)
    return dict(result.validated_parameters), list(result.error_messages)


class RemoteHost:
    """The host of an action: modules and commands run there, over connections that can be renewed."""

    def __init__(self, action: ActionBase, task_vars: dict[str, t.Any]) -> None:
        self._action, self._task_vars = action, task_vars
        self.name = str(task_vars['inventory_hostname'])
        self.check_mode = bool(action._task.check_mode)

    @property
    def task_id(self) -> str:
        """Identifies the task of this run on all its hosts."""
        return str(self._action._task._uuid)

    @property
    def delegate(self) -> str | None:
        """The host on which the task acts, if that is another one than the host of its variables."""
        delegate = self._action._task.delegate_to
        return str(delegate) if delegate and delegate != self.name else None

    @property
    def connection_name(self) -> str:
        """The short name of the connection plugin: ssh, local, podman, ..."""
        return str(self._action._connection.transport).rpartition('.')[2]

    def connection_option(self, name: str) -> t.Any:
        """The option NAME of the connection plugin, wherever it was set; None if there is no such option."""
        try:
            return self._action._connection.get_option(name)
        except (KeyError, AttributeError):
            return None

    @property
    def has_windows_shell(self) -> bool:
        return bool(getattr(self._action._connection._shell, '_IS_WINDOWS', False))

    def drop_become(self, *, unless: str) -> None:
        """Run modules as the user who connects, unless the become plugin has this short name."""
        connection = self._action._connection
        if connection.become and str(connection.become.name).rpartition('.')[2] != unless:
            connection.set_become_plugin(None)  # type: ignore[arg-type]

    def execute_module(self, name: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        return dict(self._action._execute_module(name, arguments, task_vars=self._task_vars))

    def execute_command(self, command: str) -> dict[str, t.Any]:
        """`rc`, `stdout` and `stderr` of COMMAND, run with become."""
        return dict(self._action._low_level_execute_command(command, sudoable=True))

    def reconnect(self) -> None:
        """Use a new connection from here on. Raises AnsibleError if there is none."""
        self._action._connection.reset()


def _copy(templar: t.Any, variables: dict[str, t.Any]) -> t.Any:
    """TEMPLAR with other VARIABLES, for lookups too: before ansible-core 2.19 those of a copy see the original's."""
    copy = templar.copy_with_new_env(available_variables=variables)
    if hasattr(copy, '_query_lookup'):
        own = {'lookup': copy._lookup, 'query': copy._query_lookup, 'q': copy._query_lookup}
        copy.environment.globals = {**copy.environment.globals, **own}
    return copy


def _has_template(value: t.Any) -> bool:
    # what is encrypted is no template, as in ansible-core
    if isinstance(value, str):
        return '{{' in value or '{%' in value
    if isinstance(value, dict):
        return any(map(_has_template, value.values()))
    return isinstance(value, (list, tuple)) and any(map(_has_template, value))
