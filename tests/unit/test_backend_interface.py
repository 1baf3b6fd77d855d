"""Every back end has exactly the interface that _backends/base.py declares; mypy checks the types in it."""

from __future__ import annotations

import inspect
import typing as t

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends import base, registry
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import planning as firewalld
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.ufw import planning as ufw
from ansible_collections.portmatrix.firewall.plugins.plugin_utils._action.platforms import (
    base as platform_base,
    registry as platforms,
)
from fake_backend import FakeBackend, FakeChanges, FakeState

IMPLEMENTATIONS = [
    *((base.Backend, backend) for backend in (*registry.BACKENDS.values(), FakeBackend)),
    *((base.State, state) for state in (firewalld.State, ufw.State, FakeState)),
    *((base.Changes, changes) for changes in (firewalld.Changes, ufw.Changes, FakeChanges)),
    *((platform_base.Platform, platform) for platform in platforms.PLATFORMS.values()),
]


def members(interface: type) -> dict[str, t.Any]:
    return {name: value for name, value in vars(interface).items() if not name.startswith('_')}


def parameters(function: t.Callable) -> list[tuple[str, inspect._ParameterKind, t.Any]]:
    return [(entry.name, entry.kind, entry.default) for entry in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(('interface', 'implementation'), IMPLEMENTATIONS, ids=lambda kind: f'{kind.__module__}'[-40:])
def test_an_implementation_has_every_member_with_the_same_parameters(interface, implementation):
    declared = t.get_type_hints(interface, include_extras=True).keys() - {'_is_protocol'}
    names = {*members(interface), *(name for name in declared if not name.startswith('_'))}
    assert names, 'an interface without members checks nothing'
    missing = [name for name in names if not hasattr(implementation, name)]
    assert not missing, f'{implementation.__qualname__} lacks {missing}'
    for name, value in members(interface).items():
        if inspect.isfunction(value) or isinstance(value, staticmethod):
            assert parameters(getattr(implementation, name)) == parameters(getattr(interface, name)), name


def test_the_check_finds_a_method_with_other_parameters():
    class Wrong(FakeBackend):
        def restore(self, snapshot, desired, boot=False):
            """`boot` could be given by position."""

    with pytest.raises(AssertionError, match='restore'):
        test_an_implementation_has_every_member_with_the_same_parameters(base.Backend, Wrong)
