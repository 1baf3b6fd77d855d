"""The imitation itself: its judge of packets, its faults, its scheduler, and its C#."""

from __future__ import annotations

import base64

import csharp
import pytest
from imitation import connections, hosts, judge, scheduler
from imitation.judge import Packet

RULE = {**hosts.STOCK['rules'][0], 'Name': 'rule', 'LocalPorts': '80,8000-8010', 'Application': ''}
# (changes of a rule that admits 80 and 8000-8010 from any), (a packet from 192.0.2.50 to 80 with changes), passes
VERDICTS = [
    ({}, {}, True),
    ({}, {'port': 8005}, True),
    ({}, {'port': 81}, False),
    ({}, {'protocol': 'udp'}, False),
    ({'Enabled': False}, {}, False),
    ({'Allow': False}, {}, False),
    ({'Profiles': 6}, {}, False),
    ({'Inbound': False}, {}, False),
    ({'Protocol': judge.ANY_PROTOCOL, 'LocalPorts': '*'}, {'port': 9}, True),
    ({'Application': 'C:\\other.exe'}, {}, False),
    ({'Application': 'c:\\Web.exe'}, {}, True),
    ({'Service': 'other'}, {}, False),
    ({'RemoteAddresses': '192.0.2.50/255.255.255.255'}, {}, True),
    ({'RemoteAddresses': '10.0.0.0/8,192.0.2.40-192.0.2.60'}, {}, True),
    ({'RemoteAddresses': 'LocalSubnet'}, {}, True),
    ({'RemoteAddresses': 'LocalSubnet'}, {'peer': '203.0.113.1'}, False),
    ({'RemoteAddresses': '2001:db8::/64'}, {}, False),
    ({'RemoteAddresses': '2001:db8::/64'}, {'peer': '2001:db8::1'}, True),
    ({}, {'inbound': False, 'port': 1}, True),
]


@pytest.fixture
def host(tmp_path):
    return hosts.ImitatedHost.create(tmp_path, 'host', '192.0.2.1', rules=[RULE], faults={'cut': 1, 'refuse': -1})


@pytest.mark.parametrize(('changes', 'packet', 'passes'), VERDICTS)
def test_verdicts(host, changes, packet, passes):
    firewall = host.read('firewall.json')
    firewall['rules'] = [{**firewall['rules'][-1], **changes}]
    wanted = Packet(**{'peer': '192.0.2.50', 'port': 80, **packet})
    assert judge.admits(firewall, wanted, ('C:\\web.exe', '')) == passes


def test_what_beats_what(host):
    firewall = host.read('firewall.json')
    packet, rule = Packet('192.0.2.50', 80), firewall['rules'][-1]
    firewall['rules'].append({**rule, 'Allow': False})
    assert not judge.admits(firewall, packet)
    firewall['rules'].pop()
    firewall['profiles']['1']['ShieldsUp'] = True
    assert not judge.admits(firewall, packet)
    firewall['profiles']['1']['Enabled'] = False
    assert judge.admits(firewall, Packet('192.0.2.50', 81))
    firewall['active'] = 3
    assert not judge.admits(firewall, Packet('192.0.2.50', 81)), 'the private profile is on'


def test_a_fault_ends_after_its_count(host):
    assert [host.take_fault('cut') for _time in range(3)] == [True, False, False]
    assert [host.take_fault('refuse') for _time in range(3)] == [True] * 3
    assert not host.take_fault('arm')


def test_triggers():
    text = (
        '<Task xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><Triggers><TimeTrigger>{}'
        '<StartBoundary>1970-01-01T00:01:00Z</StartBoundary></TimeTrigger></Triggers></Task>'
    )
    assert scheduler.Trigger.parse(text.format(''), 60) == (60, 0)
    repetition = '<Repetition><Interval>PT2M</Interval></Repetition>'
    assert scheduler.Trigger.parse(text.format(repetition), 3) == (60, 6)


def test_command_lines(tmp_path):
    (tmp_path / 'input').write_text('data')
    windows_path = str(tmp_path / 'input').replace('/', '\\')
    assert connections.command_line('PowerShell -NoProfile -EncodedCommand YQ==', b'data') == (
        ['-NoProfile', '-EncodedCommand', 'YQ=='],
        b'data',
    )
    assert connections.command_line(f"type '{windows_path}' | PowerShell -Command -", None) == (
        ['-Command', '-'],
        b'data',
    )
    words, _data = connections.command_line('Get-Date', None)
    assert base64.b64decode(words[-1]).decode('utf-16-le').startswith('Get-Date\n')


def test_the_csharp_is_that_of_windows_powershell(tmp_path):
    shipped = [path for path in csharp.SOURCES.rglob('*.cs') if path.name != 'Parts.cs']
    sources = [*shipped, *(csharp.HERE / 'imitation').glob('*.cs')]
    csharp.run_command(*csharp.COMPILER, '-target:library', f'-out:{tmp_path / "imitation.dll"}', *map(str, sources))
