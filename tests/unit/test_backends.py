"""Which back end a host has."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends import registry
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import Refused

ACTIVE = list(itertools.product([False, True], repeat=2))


@pytest.mark.parametrize('installed', ACTIVE)
@pytest.mark.parametrize('active', ACTIVE)
@pytest.mark.parametrize('present', ACTIVE)
@pytest.mark.parametrize('distribution', ['ID=debian', 'ID=fedora', 'ID=mint\nID_LIKE="ubuntu debian"', None])
def test_the_back_end_of_a_host(monkeypatch, installed, active, present, distribution):
    """By what is active, then by what has rules of ours, then by what is installed, then by the distribution's custom."""
    for number, backend in enumerate(registry.BACKENDS.values()):
        monkeypatch.setattr(backend, 'installed', staticmethod(lambda number=number: installed[number]))
        monkeypatch.setattr(backend, 'active', staticmethod(lambda number=number: active[number] and installed[number]))
        monkeypatch.setattr(backend, 'present', staticmethod(lambda number=number: present[number]))
    monkeypatch.setattr(registry.files, 'read', lambda path: distribution if path == '/etc/os-release' else None)
    running = [name for name, on, there in zip(registry.BACKENDS, active, installed) if on and there]
    if len(running) == 2:
        with pytest.raises(Refused, match='both active'):
            registry.choose('auto')
        return
    ours = [name for name, on, there in zip(registry.BACKENDS, present, installed) if on and there]
    there = [name for name, yes in zip(registry.BACKENDS, installed) if yes]
    custom = 'ufw' if distribution and ('debian' in distribution) else 'firewalld'
    wanted = next((names[0] for names in (running, ours, there) if len(names) == 1), custom)
    assert registry.choose('auto').name == wanted
