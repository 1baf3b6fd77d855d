"""What others have changed in the objects of portmatrix is reported and repaired, whatever they changed."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.portmatrix.firewall.plugins.module_utils._base.errors import BackendError
from fake_firewalld import FakeFirewalld
from firewalld_changes import GROUPS, START, apply, expected, plan, policy

# after a second change, the groups have other sets than the first ones of the pool
CURRENT = policy([('ingress', name, '443') for name in GROUPS], dict.fromkeys(GROUPS, ['192.0.2.1', '192.0.2.2']))
USED = 'portmatrix-4-004'


@pytest.fixture
def firewalld(monkeypatch):
    fake = FakeFirewalld()
    fake.install(monkeypatch)
    for wanted in (START, CURRENT):
        apply(wanted).confirm()
    assert fake.reloads == 1 and fake.sets[USED]
    return fake


DRIFT: dict[str, tuple[t.Callable[[FakeFirewalld], t.Any], str]] = {
    'the members of a set in the kernel': (lambda fake: fake.kernel_sets.update({USED: ()}), 'reload'),
    'a rule in the kernel': (lambda fake: fake.lost.add(fake.policies['portmatrix-in']['rich_rules'][0]), 'reload'),
    'the zones': (lambda fake: fake.policies['portmatrix-in'].update(ingress_zones=['public']), 'reload'),
    'the priority': (lambda fake: fake.policies['portmatrix-in'].update(priority=5), 'reload'),
    'a service': (lambda fake: fake.policies['portmatrix-in'].update(services=['http']), 'reload'),
    'no zones': (lambda fake: fake.policies['portmatrix-in'].update(ingress_zones=[], egress_zones=[]), 'hitless'),
    'a rule': (lambda fake: fake.policies['portmatrix-in']['rich_rules'].pop(), 'hitless'),
    'an idle policy': (lambda fake: fake.policies['portmatrix-out'].update(_zones('HOST', 'ANY')), 'hitless'),
}


def _zones(ingress: str, egress: str) -> dict[str, list[str]]:
    return {'ingress_zones': [ingress], 'egress_zones': [egress]}


@pytest.mark.parametrize('what', DRIFT)
def test_what_others_changed_in_the_running_firewall_is_repaired(firewalld, what):
    harm, transition = DRIFT[what]
    state = firewalld.state()
    harm(firewalld)
    changes = plan(CURRENT)
    assert (changes.transition, changes.files) == (transition, {})
    assert any('drift' in line for line in changes.diff['before'].splitlines())
    pending = apply(CURRENT)
    assert pending.transition == transition
    pending.confirm()
    assert firewalld.state() == state and not plan(CURRENT).has_changes


@pytest.mark.parametrize('path', ['policies/portmatrix-in.xml', 'policies/portmatrix-out.xml', f'ipsets/{USED}.xml'])
def test_a_file_that_someone_removed_is_written_again(firewalld, path):
    path = f'/etc/firewalld/{path}'
    del firewalld.files[path]
    removed = firewalld.state()
    pending = apply(CURRENT)
    assert (pending.transition, firewalld.reloads) == ('reload', 2)
    if 'ipsets' in path:  # a policy whose set has no file cannot be loaded
        with pytest.raises(BackendError, match='all ingress but management access is denied'):
            pending.roll_back()
        assert firewalld.tables and 'management access is denied' in plan(CURRENT).diff['before']
        assert not firewalld.active() and firewalld.reloads == 2
    else:
        pending.roll_back()
        assert firewalld.reloads == 3
    assert firewalld.state()['files'] == removed['files']
    apply(CURRENT).confirm()
    assert not firewalld.tables
    assert path in firewalld.files and firewalld.allowed() == expected(CURRENT)
    assert not plan(CURRENT).has_changes
