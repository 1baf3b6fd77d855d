"""Configuration of others that firewalld cannot load, staged in its files: a reload with it would open all ports, so a
run that needs one is refused, and names the file; a run that needs none goes on."""

from __future__ import annotations

import json

import cases
import faults
import lab
import pytest
import testbed
from fleet import Fleet
from test_firewalld_hitless import WITH_TIMEOUT

HOSTS = ['mgmt1', 'mgmt2']  # Debian 12 and 13
FIREWALLD = Fleet(dict.fromkeys(HOSTS, 'firewalld'))
ZONE = '/etc/firewalld/zones/office.xml'
SET = '/etc/firewalld/ipsets/office.xml'
DIRECT = '/etc/firewalld/direct.xml'
HEAD = '<?xml version="1.0" encoding="utf-8"?>'


def zone(content: str) -> str:
    return f'{HEAD}<zone><source address="192.0.2.77"/>{content}</zone>'


def address_set(family: str, *entries: str) -> str:
    members = ''.join(f'<entry>{entry}</entry>' for entry in entries)
    return f'{HEAD}<ipset type="hash:net"><option name="family" value="{family}"/>{members}</ipset>'


# what -> (files, the file that the message names)
BROKEN = {
    'a rich rule names a set that does not exist': (
        {ZONE: zone('<rule family="ipv4"><source ipset="gone"/><accept/></rule>')},
        ZONE,
    ),
    'a zone has a source that does not exist': ({ZONE: zone('<source ipset="gone"/>')}, ZONE),
    'a rule for IPv4 names a set of IPv6': (
        {ZONE: zone('<rule family="ipv4"><source ipset="office"/><accept/></rule>'), SET: address_set('inet6')},
        ZONE,
    ),
    'entries of a set overlap': (
        {ZONE: zone('<source ipset="office"/>'), SET: address_set('inet', '192.0.2.0/24', '192.0.2.9')},
        SET,
    ),
    'a direct rule is none': (
        {DIRECT: f'{HEAD}<direct><passthrough ipv="ipv4">-A INPUT --no-such-option</passthrough></direct>'},
        DIRECT,
    ),
    'a file is not XML': ({ZONE: 'zone: office'}, ZONE),
}
REMOVE = f'rm -f {ZONE}* {SET}* {DIRECT}*'


@pytest.fixture(
    params=cases.chosen(
        BROKEN, 'a rich rule names a set that does not exist', 'entries of a set overlap', 'a file is not XML'
    )
)
def broken(request):
    """(files, the file that the message names); they are removed afterwards."""
    yield BROKEN[request.param]
    FIREWALLD.shell(REMOVE)


def assert_refused(run, path: str) -> None:
    for host in HOSTS:
        assert run.statuses()[host] == 'failed', run.output
        message = run.results[host]['msg']
        assert 'firewalld cannot load its configuration files' in message, message
        # with direct rules, firewalld 2.3 needs sets of ipset, which the lab's kernel may not have
        assert path in message or (path == DIRECT and 'ipset list' in message), message


def test_it_is_refused_before_anything_changes(released, broken):
    contents, path = broken
    FIREWALLD.write(contents)
    before = FIREWALLD.states()
    assert_refused(FIREWALLD.play('--check'), path)
    FIREWALLD.assert_unchanged(before)


def test_a_change_without_a_reload_and_its_rollback_do_not_need_it(released):
    assert FIREWALLD.play().code == 0
    FIREWALLD.shell(WITH_TIMEOUT)
    contents, path = BROKEN['a rich rule names a set that does not exist']
    FIREWALLD.write(contents)
    try:
        variables = json.dumps({'portmatrix_exclusive': False, 'enstratius_console_port': 8444})
        run = FIREWALLD.play('-e', variables)
        assert {run.results[host]['transition'] for host in HOSTS} == {'hitless'}, run.output
        before = FIREWALLD.states()
        FIREWALLD.apply_and_kill_controller()
        FIREWALLD.map(faults.accept_new_connections)
        FIREWALLD.end_window()
        FIREWALLD.wait_until_decided()
        FIREWALLD.assert_unchanged(before)
        assert_refused(FIREWALLD.play(playbook='portmatrix.firewall.release'), path)
        FIREWALLD.assert_unchanged(before)
    finally:
        FIREWALLD.shell(f'{REMOVE}; nft delete table inet fault 2>/dev/null; true')


def roll_back_in_vain(harm: str) -> None:
    """Bring a change into force that nobody confirms, and break the configuration meanwhile."""
    FIREWALLD.apply_and_kill_controller('-e', 'portmatrix_exclusive=false', window=600)
    FIREWALLD.map(faults.accept_new_connections)
    FIREWALLD.write(BROKEN['a zone has a source that does not exist'][0])
    FIREWALLD.shell(harm)
    start = FIREWALLD.shell('printf %s $(date +%s)')
    FIREWALLD.end_window()
    # it goes on trying, without another effect
    failed = f'journalctl -q -t portmatrix -S @{min(start.values())} | grep -m1 "attempt 1 failed.*cannot load"; true'
    lab.wait_for(lambda: all(FIREWALLD.shell(failed).values()), 'the failed rollbacks', seconds=120)


IS_CLOSED = 'nft list table inet portmatrix-closed 2>/dev/null; true'


def test_a_rollback_that_cannot_be_loaded_closes_the_host(released):
    """A service that others have added makes a reload necessary, for which the files would have to be loaded; on Debian
    12, the kernel's rules are flushed as well (on Debian 13, firewalld owns them)."""
    assert FIREWALLD.play().code == 0
    before = FIREWALLD.states()
    with testbed.serving({host: [('tcp', 9999)] for host in HOSTS}):
        roll_back_in_vain('firewall-cmd -q --policy=portmatrix-in-top --add-service=http; nft flush ruleset')
        assert all(FIREWALLD.shell(IS_CLOSED).values())
        targets = [('tcp', testbed.HOSTS[host]['ansible_host'], 9999) for host in HOSTS]
        assert testbed.connections('data2', targets, expected=False) == [False, False]
    FIREWALLD.shell(REMOVE)
    assert FIREWALLD.play().code == 0  # over ssh; the rollback is completed first
    assert not any(FIREWALLD.shell(IS_CLOSED).values())
    FIREWALLD.assert_unchanged(before)


def test_a_rollback_of_the_first_application_ends_its_effect_even_so(released):
    before = FIREWALLD.states()
    roll_back_in_vain(':')
    assert not any(FIREWALLD.shell(IS_CLOSED).values()), 'closed, although the zones decide again'
    active = FIREWALLD.shell('firewall-cmd --get-active-policies | grep portmatrix; true')
    assert not any(active.values()), active
    FIREWALLD.shell(REMOVE)
    FIREWALLD.wait_until_decided()
    FIREWALLD.assert_unchanged(before)
