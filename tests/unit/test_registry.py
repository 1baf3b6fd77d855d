"""Which back end is chosen for a host."""

from __future__ import annotations

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends import registry
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import Refused

DEBIAN, FEDORA, MINT = 'ID=debian', 'ID=fedora', 'ID=linuxmint\nID_LIKE="ubuntu debian"'
BOTH = 'firewalld ufw'
# installed, active, with portmatrix rules, os-release -> back end
AUTO = [
    (BOTH, 'firewalld', 'ufw', DEBIAN, 'firewalld'),
    (BOTH, 'ufw', '', FEDORA, 'ufw'),
    (BOTH, '', 'firewalld', DEBIAN, 'firewalld'),
    ('ufw', '', '', FEDORA, 'ufw'),
    ('firewalld', '', '', DEBIAN, 'firewalld'),
    (BOTH, '', '', DEBIAN, 'ufw'),
    (BOTH, '', '', MINT, 'ufw'),
    (BOTH, '', BOTH, FEDORA, 'firewalld'),
    ('', '', '', None, 'firewalld'),
]


@pytest.fixture
def host(monkeypatch):
    """A function that sets up a host: names of back ends, and its os-release."""

    def set_up(installed: str, active: str, with_rules: str, os_release: str | None = FEDORA) -> None:
        for name, backend in registry.BACKENDS.items():
            for method, names in (('is_installed', installed), ('is_active', active), ('has_rules', with_rules)):
                value = name in names.split()
                monkeypatch.setattr(backend, method, staticmethod(lambda value=value: value))
        monkeypatch.setattr(registry.files, 'read', lambda path: os_release if path == '/etc/os-release' else None)

    return set_up


@pytest.mark.parametrize(('installed', 'active', 'with_rules', 'os_release', 'expected'), AUTO)
def test_auto_selects(host, installed, active, with_rules, os_release, expected):
    host(installed, active, with_rules, os_release)
    assert registry.choose('auto').name == expected


def test_two_active_firewalls_are_refused_and_a_named_back_end_must_be_the_only_active_one(host):
    host(BOTH, BOTH, '')
    with pytest.raises(Refused, match='are both active on this host.*ufw disable'):
        registry.choose('auto')
    with pytest.raises(Refused, match='^ufw is active on this host.*systemctl disable --now firewalld'):
        registry.require_only_active(registry.create('firewalld'))
    host(BOTH, 'ufw', '')
    registry.require_only_active(registry.create('ufw'))


def test_an_unknown_name_is_refused_with_the_choices():
    with pytest.raises(Refused, match="'windows' is not available on Linux hosts; choose from auto, firewalld, ufw"):
        registry.choose('windows')
