"""A configuration that firewalld could not load is refused before a reload, with the file that the message is about."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._backends.firewalld import trial
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import Refused
from fake_firewalld import FakeFirewalld
from firewalld_changes import GROUPS, START, apply, plan, policy

OTHER = policy([('ingress', name, '443') for name in GROUPS], dict.fromkeys(GROUPS, ['192.0.2.1', '192.0.2.2']))
FILES = {
    'zones/office.xml': '<zone><rule><source ipset="gone"/></rule></zone>',
    'zones/public.xml': '<zone><service name="ssh"/></zone>',
    'ipsets/blocklist.xml': '<ipset/>',
    'policies/guests.xml': '<policy/>',
    'direct.xml': '<direct/>',
}
# (the error of firewalld, values in the functions that it went through) -> files that the message names
EXPLAINED = [
    ('INVALID_IPSET: gone', ['zone_public_HOST'], ['zones/office.xml', 'zones/public.xml']),
    ("INVALID_IPSET: Zone 'office': 'gone' not among existing ipsets", [], ['zones/office.xml']),
    ("INVALID_RULE: Source address family 'ipv6' conflicts", ['zone_office_HOST', 'office'], ['zones/office.xml']),
    ("COMMAND_FAILED: 'python-nftables' failed: Error\n\nJSON blob", ['blocklist'], ['ipsets/blocklist.xml']),
    ("COMMAND_FAILED: Direct: '/usr/sbin/iptables-restore -w -n' failed: bad", [], ['direct.xml']),
    ('INVALID_ZONE: not a valid zone file: syntax error', ['office.xml'], ['zones/office.xml']),
    ('COMMAND_FAILED: the kernel is too old', [], []),
]


@pytest.fixture
def firewalld(monkeypatch):
    fake = FakeFirewalld()
    fake.install(monkeypatch)
    return fake


def test_what_could_not_be_loaded_is_refused(firewalld, monkeypatch):
    monkeypatch.setattr(trial, 'load', lambda observed, changed: trial.Result('INVALID_IPSET: gone', None))
    with pytest.raises(Refused, match='cannot load its configuration files: INVALID_IPSET: gone; nothing was changed'):
        plan(START)
    assert not firewalld.files and not firewalld.reloads


def test_a_change_without_a_reload_is_not_tried_out(firewalld, monkeypatch):
    apply(START).confirm()
    monkeypatch.setattr(trial, 'load', lambda observed, changed: trial.Result('INVALID_IPSET: gone', None))
    apply(OTHER).confirm()
    assert not plan(OTHER).has_changes
    with pytest.raises(Refused):
        plan(None)


def test_what_cannot_be_tried_out_is_a_warning(firewalld, monkeypatch):
    def cannot_tell(observed, changed):
        raise trial.CannotTell('unshare: Operation not permitted')

    monkeypatch.setattr(trial, 'load', cannot_tell)
    (warning,) = plan(START).warnings
    assert 'could not be tried out on this host: unshare: Operation not permitted' in warning


@pytest.mark.parametrize('error, values, named', EXPLAINED)
def test_the_files_are_named(tmp_path: Path, error, values, named):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    output = f'{trial._TRYING}\nERROR: Failed to load\n{trial._FAILED} {json.dumps([error, values])}\n'
    message = trial._explain(output, str(tmp_path))
    assert message.startswith(error.splitlines()[0])
    assert all(f'/etc/firewalld/{name}' in message for name in named)
    assert message.count('/etc/firewalld/') == len(named)


def test_a_program_that_ends_without_a_word_is_a_problem(tmp_path: Path):
    assert trial._explain(f'{trial._TRYING}\nNo IPv4 and IPv6 firewall\n', str(tmp_path)).endswith('IPv6 firewall')
