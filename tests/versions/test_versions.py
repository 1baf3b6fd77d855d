"""Firewalls of all versions and shapes: the four steps, packets, and a change of a row of addresses that loses none."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest
import support
import testbed
import yaml
from shapes import SHAPES, TITLES

INVENTORY = Path(__file__).with_name('hosts.yml')
ALL: dict[str, dict[str, t.Any]] = yaml.safe_load(INVENTORY.read_text())['all']['hosts']
CHOSEN = os.environ.get('PORTMATRIX_VERSIONS', '').split()
HOSTS = {name: host for name, host in ALL.items() if 'lab_firewall' in host and name in (CHOSEN or ALL)}
PORT, OTHER = 8443, 9999
MINIMUM = 501  # connections of each kind
ROW = ['192.0.2.206', '192.0.2.207', '192.0.2.208']
VERSIONS = """
. /etc/os-release; echo "$PRETTY_NAME"
firewall-offline-cmd --version 2>/dev/null || echo; (ufw version 2>/dev/null || echo ufw) | sed -n '1s/ufw *//p'
nft --version | cut -d ' ' -f 2; iptables --version | cut -d ' ' -f 2
$(command -v python3 || echo /usr/libexec/platform-python) -c 'import platform; print(platform.python_version())'
"""


@pytest.fixture(scope='session')
def rows():
    found: dict[str, support.Row] = {}
    yield found
    if os.environ.get('PORTMATRIX_WRITE_SUPPORT'):
        support.write(found[name] for name in HOSTS if name in found)


@pytest.fixture(params=HOSTS)
def host(request):
    name = request.param
    testbed.shell(name, 'systemctl is-system-running --wait >/dev/null; true')
    testbed.shell(name, SHAPES.get(HOSTS[name].get('lab_shape'), ':'))
    return name


def play(host: str, *arguments: str, playbook: str = 'portmatrix.firewall.harden') -> testbed.Run:
    return testbed.play(playbook, '-l', host, *arguments, inventory_path=INVENTORY)


def status(run: testbed.Run, host: str) -> str:
    return run.statuses()[host]


def state(host: str) -> dict[str, list[str]]:
    return testbed.sorted_lines(testbed.host_states([host]))[host]


def test_a_version(host, rows):
    rows[host] = row(host, 'not finished')
    refused = HOSTS[host].get('lab_refused')
    before = state(host)
    if refused:
        for run in (play(host, '--check'), play(host)):
            assert status(run, host) == 'failed' and refused in ' '.join(run.output.split()), run.output
        assert state(host) == before
        rows[host] = row(host, f'refused: {refused}')
        return
    four_steps(host, before)
    lost, admitted = changes_of_a_row(host)
    assert status(play(host, playbook='portmatrix.firewall.release'), host) == 'changed'
    assert state(host) == before, 'release did not restore the host'
    if HOSTS[host]['lab_firewall'] == 'firewalld':
        from_a_stop(host)
    rows[host] = row(host, 'passed', lost, admitted)
    assert (lost.split()[0], admitted.split()[0]) == ('0', '0')


def four_steps(host: str, before: dict[str, list[str]]) -> None:
    check = play(host, '--check', '--diff')
    assert status(check, host) == 'changed', check.output
    assert state(host) == before, 'check mode changed something'
    run = play(host, '--diff')
    assert status(run, host) == 'changed', run.output
    keys = ('diff', 'added', 'removed', 'kept', 'digest', 'transition')
    assert [run.results[host][key] for key in keys] == [check.results[host][key] for key in keys]
    hardened = state(host)
    targets = [('tcp', HOSTS[host][key], PORT) for key in ('ansible_host', 'lab_ipv6')]
    others = [(protocol, address, OTHER) for protocol, address, _port in targets]
    with testbed.serving({host: [('tcp', PORT), ('tcp', OTHER)]}):
        assert testbed.connections('peer', targets, expected=True) == [True, True]
        assert testbed.connections('peer', others, expected=False) == [False, False]
        assert testbed.connections('stranger', [*targets, *others], expected=False) == [False] * 4
    again = play(host)
    assert status(again, host) == 'ok', again.output
    assert state(host) == hardened, 'the second run changed something'
    assert status(play(host, playbook='portmatrix.firewall.release'), host) == 'changed'
    assert state(host) == before, 'release did not restore the host'


def changes_of_a_row(host: str) -> tuple[str, str]:
    """(connections of the peer that were lost, those of the stranger that were admitted) while an address of a row
    comes and goes; the host is hardened then."""
    assert status(play(host), host) == 'changed'
    with testbed.serving({host: [('tcp', PORT)]}):
        target = {'target': [HOSTS[host]['ansible_host'], PORT], 'minimum': MINIMUM}
        streams = [
            testbed.start_probe(source, 'stream', {**target, 'allowed': source == 'peer'})
            for source in ('peer', 'stranger')
        ]
        try:
            for members in ([*ROW, '192.0.2.209'], ROW):
                peers = {'avi_vantage.service_engine': [*members, '198.51.100.61', '2001:db8:1::61']}
                peers['avi_vantage.external_client'], peers['avi_vantage.controller'] = ['198.51.100.61'], []
                run = play(host, '-e', json.dumps({'portmatrix_peers': peers}))
                assert (status(run, host), run.results[host]['transition']) == ('changed', 'hitless'), run.output
        finally:
            for stream in streams:
                stream.stdin.close()
        (tried, answered), (knocked, admitted) = (json.loads(stream.stdout.read()) for stream in streams)
        for stream in streams:
            stream.wait(60)
    return f'{tried - answered} of {tried}', f'{admitted} of {knocked}'


def from_a_stop(host: str) -> None:
    """A firewalld that is off is started, and off again after the release."""
    testbed.shell(host, 'systemctl disable -q --now firewalld')
    try:
        before = stopped_state(host)
        run = play(host)
        assert status(run, host) == 'changed', run.output
        target = ('tcp', HOSTS[host]['ansible_host'], PORT)
        with testbed.serving({host: [('tcp', PORT)]}):
            assert testbed.connections('peer', [target], expected=True) == [True]
            assert testbed.connections('stranger', [target], expected=False) == [False]
        assert status(play(host), host) == 'ok'
        assert status(play(host, playbook='portmatrix.firewall.release'), host) == 'changed'
        assert stopped_state(host) == before
    finally:
        testbed.shell(host, 'systemctl enable -q --now firewalld')


def stopped_state(host: str) -> dict[str, list[str]]:
    """Its state, and of the kernel the rules: the first start of firewalld leaves empty chains of iptables."""
    rules = testbed.shell(host, 'iptables-save; ip6tables-save; nft list tables').split('\n')
    listed = [line for line in rules if line.startswith(('-A', 'table inet'))]
    return {**state(host), 'kernel': listed}


def row(host: str, result: str, lost: str = '', admitted: str = '') -> support.Row:
    system, firewalld, ufw, nft, iptables, python = (testbed.shell(host, VERSIONS).split('\n') + [''] * 6)[:6]
    title = TITLES.get(HOSTS[host].get('lab_shape'), '{}').format(system)
    is_ufw = HOSTS[host]['lab_firewall'] == 'ufw'
    firewall = f'ufw {ufw}' if is_ufw else f'firewalld {firewalld}'
    return support.Row(title, firewall, f'{nft}, {iptables}', python, result, lost, admitted)
