"""Rules that other programs have only in the running firewall survive every attempt of a rollback: a reload drops them,
and may do so even if it fails."""

from __future__ import annotations

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import (
    applying,
    bus,
    service,
    unmanaged_runtime,
    verify,
)
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import BackendError


class RunningFirewalld:
    """Its direct rules; the first reload drops them and then fails."""

    def __init__(self, rules: list[str]):
        self.rules, self.reloads = rules, 0

    def capture(self, reload_preserves_iptables: bool) -> unmanaged_runtime.Runtime:
        return unmanaged_runtime.Runtime({}, {}, {'direct': list(self.rules)}, {})

    def reload(self) -> None:
        self.rules = []
        self.reloads += 1
        if self.reloads == 1:
            raise BackendError('reload: timed out')

    def restore(self, before: unmanaged_runtime.Runtime) -> None:
        self.rules = list(before.direct['direct'])


@pytest.mark.parametrize('was_applied, expected', [(True, ['added later']), (False, ['there before'])])
def test_a_second_attempt_restores_what_was_there_before_the_first(monkeypatch, was_applied, expected):
    firewalld = RunningFirewalld(['added later'])
    for module, name, function in (
        (unmanaged_runtime, 'capture', firewalld.capture),
        (unmanaged_runtime, 'restore', firewalld.restore),
        (bus, 'reload', firewalld.reload),
        (bus, 'is_running', lambda: False),
        (service, 'observe', lambda: service.Service((1, 3, 0), True, 'enabled', ())),
        (verify, 'wait_until_enforced', lambda documents: None),
    ):
        monkeypatch.setattr(module, name, function)
    runtime = unmanaged_runtime.Runtime({}, {}, {'direct': ['there before']}, {}).to_data()
    snapshot = {'files': {}, 'runtime': runtime}
    with pytest.raises(BackendError):
        applying.restore_running(snapshot, was_applied)
    applying.restore_running(snapshot, was_applied)
    assert firewalld.rules == expected
