"""The whole lab through check, apply, again and release; every step is judged by nft, by hashes of files and by real
packets."""

from __future__ import annotations

import documented
import pytest
import world


def ssh_only(source, destination, protocol, port):
    """Debian's firewalld as it comes."""
    return (protocol, port) == ('tcp', 22)


def everything(source, destination, protocol, port):
    """ufw as it comes, which is switched off."""
    return True


@pytest.mark.parametrize('firewall, stock', [('released', ssh_only), ('ufw', everything)], ids=['firewalld', 'ufw'])
def test_check_apply_again_release(request, firewall, stock, expectation):
    request.getfixturevalue(firewall)
    before = world.pictures()
    assert documented.truth_table(expectation, stock)[2] == [], 'a stock Debian host is not as expected'

    check = world.play('portmatrix.firewall.harden', '--check', '--diff')
    assert check.code == 0, check.output
    assert set(check.statuses().values()) == {'changed'}
    assert world.pictures() == before, 'check mode changed something'

    run = world.play('portmatrix.firewall.harden', '--diff')
    assert run.code == 0, run.output
    assert {result['backend'] for result in run.results.values()} == {'ufw' if firewall == 'ufw' else 'firewalld'}
    for host in world.HOSTS:
        for key in ('diff', 'added', 'removed', 'kept', 'digest', 'transition'):
            assert run.results[host][key] == check.results[host][key], f'{host}: check mode did not predict {key}'
    hardened = world.pictures()
    passing, blocked, differences = documented.truth_table(expectation, expectation.allowed)
    assert differences == []
    assert passing > 200 and blocked > 2000

    again = world.play('portmatrix.firewall.harden', '--diff')
    assert set(again.statuses().values()) == {'ok'}, again.output
    assert world.pictures() == hardened, 'the second run changed something'
    assert set(world.play('portmatrix.firewall.harden', '--check').statuses().values()) == {'ok'}

    check = world.play('portmatrix.firewall.release', '--check')
    assert set(check.statuses().values()) == {'changed'} and world.pictures() == hardened
    assert set(world.play('portmatrix.firewall.release').statuses().values()) == {'changed'}
    assert world.pictures() == before, 'release did not give the hosts back as they were'
    assert documented.truth_table(expectation, stock)[2] == []
    assert set(world.play('portmatrix.firewall.release').statuses().values()) == {'ok'}
