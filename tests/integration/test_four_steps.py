"""The whole lab through check, apply, again and release; every step is judged by nft, by hashes of files and by real packets."""

from __future__ import annotations

import world

SSH_ONLY = (('tcp', 22),)


def test_check_apply_again_release(released, expectation):
    before = world.pictures()
    opened = world.truth_table(expectation, lambda source, destination, protocol, port: (protocol, port) in SSH_ONLY)
    assert opened[2] == [], 'a stock Debian host lets in SSH and nothing else'

    check = world.play('portmatrix.firewall.harden', '--check', '--diff')
    assert check.code == 0, check.output
    assert set(check.statuses().values()) == {'changed'}
    assert world.pictures() == before, 'check mode changed something'

    run = world.play('portmatrix.firewall.harden', '--diff')
    assert run.code == 0, run.output
    for host in world.HOSTS:
        for key in ('diff', 'added', 'removed', 'kept', 'digest', 'transition'):
            assert run.results[host][key] == check.results[host][key], f'{host}: check mode did not predict {key}'
    hardened = world.pictures()
    passing, blocked, differences = world.truth_table(expectation, expectation.allowed)
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
    assert world.truth_table(expectation, lambda source, destination, protocol, port: (protocol, port) in SSH_ONLY)[2] == []
    assert set(world.play('portmatrix.firewall.release').statuses().values()) == {'ok'}
