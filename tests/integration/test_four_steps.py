"""The whole lab in four steps: check, apply, apply again, release. Each is verified with nft, hashes of files, and real
packets."""

from __future__ import annotations

import documented
import pytest
import testbed


def ssh_only(source, destination, protocol, port):
    """firewalld in the default configuration of Debian."""
    return (protocol, port) == ('tcp', 22)


def everything(source, destination, protocol, port):
    """ufw in its default configuration, which is not enabled."""
    return True


@pytest.mark.parametrize('firewall, stock', [('released', ssh_only), ('ufw', everything)], ids=['firewalld', 'ufw'])
def test_check_apply_again_release(request, firewall, stock, expectation):
    request.getfixturevalue(firewall)
    before = testbed.host_states()
    assert documented.truth_table(expectation, stock)[2] == [], 'a stock Debian host is not as expected'

    check = testbed.play('portmatrix.firewall.harden', '--check', '--diff')
    assert check.code == 0, check.output
    assert set(check.statuses().values()) == {'changed'}
    assert testbed.host_states() == before, 'check mode changed something'

    run = testbed.play('portmatrix.firewall.harden', '--diff')
    assert run.code == 0, run.output
    assert {result['backend'] for result in run.results.values()} == {'ufw' if firewall == 'ufw' else 'firewalld'}
    for host in testbed.HOSTS:
        for key in ('diff', 'added', 'removed', 'kept', 'digest', 'transition'):
            assert run.results[host][key] == check.results[host][key], f'{host}: check mode did not predict {key}'
    hardened = testbed.host_states()
    passing, blocked, differences = documented.truth_table(expectation, expectation.allowed)
    assert differences == []
    assert passing > 200 and blocked > 2000

    again = testbed.play('portmatrix.firewall.harden', '--diff')
    assert set(again.statuses().values()) == {'ok'}, again.output
    assert testbed.host_states() == hardened, 'the second run changed something'
    assert set(testbed.play('portmatrix.firewall.harden', '--check').statuses().values()) == {'ok'}

    check = testbed.play('portmatrix.firewall.release', '--check')
    assert set(check.statuses().values()) == {'changed'} and testbed.host_states() == hardened
    assert set(testbed.play('portmatrix.firewall.release').statuses().values()) == {'changed'}
    assert testbed.host_states() == before, 'release did not restore the hosts'
    assert documented.truth_table(expectation, stock)[2] == []
    assert set(testbed.play('portmatrix.firewall.release').statuses().values()) == {'ok'}
