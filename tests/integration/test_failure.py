"""When applying fails half-way the host gets its former rules back; settings of firewalld that change its tables do
not count as failure."""

from __future__ import annotations

import pytest
import world

BOTH = ['mgmt1', 'mgmt2']
LIMIT = ('-l', ','.join(BOTH))
# a busctl that answers the first COUNT reloads with an error, after firewalld has carried them out
WRAPPER = r"""
echo {count} > /run/failures
cat > /usr/local/bin/busctl <<'END'
#!/bin/sh
/usr/bin/busctl "$@" || exit
left=$(cat /run/failures)
case "$*" in *" reload") [ "$left" = 0 ] || {{ echo $((left - 1)) > /run/failures; echo "reload broke" >&2; exit 1; }} ;; esac
END
chmod +x /usr/local/bin/busctl
"""


@pytest.mark.parametrize('before', ['stock', 'hardened'])
def test_a_failed_reload_brings_the_former_rules_back(released, before):
    if before == 'hardened':
        assert world.play('portmatrix.firewall.harden', *LIMIT).code == 0
    pictures = world.pictures(BOTH)
    try:
        for host in BOTH:
            world.shell(host, WRAPPER.format(count=2))
        # both a new option and another priority, so that only a reload leads there
        run = world.play(
            'portmatrix.firewall.harden', *LIMIT, '-e', 'avi_vantage_http=true', '-e', 'portmatrix_exclusive=true'
        )
        assert run.statuses() == dict.fromkeys(BOTH, 'failed'), run.output
        for host in BOTH:
            assert 'reload broke; the host has its former rules back' in run.results[host]['msg']
            assert world.shell(host, 'cat /run/failures').strip() == '0'
    finally:
        for host in BOTH:
            world.shell(host, 'rm -f /usr/local/bin/busctl /run/failures')
    assert world.pictures(BOTH) == pictures
    assert world.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(
        BOTH, 'changed' if before == 'stock' else 'ok'
    )


def test_logging_of_what_is_denied_and_counters_are_no_drift(released):
    try:
        for host in BOTH:
            world.shell(
                host,
                'cp -p /etc/firewalld/firewalld.conf /run/; sed -i s/^LogDenied=.*/LogDenied=all/ '
                '/etc/firewalld/firewalld.conf',
            )
            world.shell(
                host,
                'sed -i s/^NftablesCounters=.*/NftablesCounters=yes/ /etc/firewalld/firewalld.conf; systemctl restart '
                'firewalld',
            )
        run = world.play('portmatrix.firewall.harden', *LIMIT)
        assert run.statuses() == dict.fromkeys(BOTH, 'changed'), run.output
        for host in BOTH:
            assert 'log prefix' in world.shell(host, 'nft list chain inet firewalld filter_IN_policy_portmatrix-in')
        assert 'counter' in world.shell('mgmt2', 'nft list chain inet firewalld filter_IN_policy_portmatrix-in_allow')
        assert world.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(BOTH, 'ok')
    finally:
        world.play('portmatrix.firewall.release', *LIMIT)
        for host in BOTH:
            world.shell(host, 'mv /run/firewalld.conf /etc/firewalld/; systemctl restart firewalld')
