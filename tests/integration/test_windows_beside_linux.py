"""Real Linux hosts and an imitated Windows host in one inventory, and one run for all of them. Without PowerShell it does
not run, and the last line of the tests says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import testbed
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / 'windows'))
import powershell
from imitation import scheduler
from imitation.network import Network, copy_collection

pytestmark = pytest.mark.skipif(not powershell.PROGRAM, reason=powershell.MISSING)
# a source server of RiverMeadow: its migration appliance (mgmt1) opens connections to 445 and 5985 of Windows
WINDOWS = {
    'ansible_host': '192.0.2.81',
    'ansible_connection': 'winrm',
    'ansible_port': 5985,
    'portmatrix_addresses': ['192.0.2.81'],
    'portmatrix_components': ['rivermeadow.source_server'],
}
APPLIANCE, STRANGER = '198.51.100.11', '203.0.113.7'


@pytest.fixture
def network(tmp_path):
    network = Network(tmp_path, copy_collection(tmp_path / 'collections'))
    network.add('win1', WINDOWS)
    (tmp_path / 'windows.yml').write_text(yaml.safe_dump({'all': {'hosts': {'win1': WINDOWS}}}))
    with scheduler.Scheduler(network.root):
        yield network


def play(network: Network, playbook: str, *arguments: str) -> testbed.Run:
    inventory = str(network.folder / 'windows.yml')
    # with egress denied, the rules of the appliance name the Windows host
    arguments = ('-i', inventory, '-l', 'win1,mgmt1,data2', '-e', 'portmatrix_egress=deny', *arguments)
    return testbed.play(playbook, *arguments, environment=network.environment)


def test_one_run_for_both(released, network):
    windows = network['win1']
    checked = play(network, 'portmatrix.firewall.harden', '--check')
    assert set(checked.statuses().values()) == {'changed'} and windows.is_as_at_first(), checked.output
    applied = play(network, 'portmatrix.firewall.harden')
    assert applied.code == 0 and set(applied.statuses().values()) == {'changed'}, applied.output
    keys = {name: set(result) - {'invocation'} for name, result in applied.results.items()}
    assert keys['win1'] == keys['mgmt1'] and applied.results['win1']['digest'] != applied.results['mgmt1']['digest']
    # each sees the other: the rules of Windows name the Linux host, and the other way round
    assert windows.admits(APPLIANCE, 445) and not windows.admits(STRANGER, 445)
    assert '192.0.2.81' in testbed.shell('mgmt1', 'nft list ruleset')
    again = play(network, 'portmatrix.firewall.harden')
    assert set(again.statuses().values()) == {'ok'}, again.output
    released = play(network, 'portmatrix.firewall.release')
    assert released.code == 0 and windows.is_as_at_first() and windows.left_behind() == [], released.output
