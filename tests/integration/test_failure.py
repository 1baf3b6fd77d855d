"""If applying fails half-way, the host gets its former rules back. Settings of firewalld that change its tables are not
a failure."""

from __future__ import annotations

import pytest
import testbed

BOTH = ['mgmt1', 'mgmt2']
LIMIT = ('-l', ','.join(BOTH))
# a busctl that reports an error for the first COUNT changes of policies and reloads, after firewalld has carried them
# out
WRAPPER = r"""
echo {count} > /run/failures
cat > /usr/local/bin/busctl <<'END'
#!/bin/sh
/usr/bin/busctl "$@" || exit
left=$(cat /run/failures)
case "$*" in *" reload"|*setPolicySettings*) [ "$left" = 0 ] || {{ echo $((left - 1)) > /run/failures; echo "it broke" >&2; exit 1; }} ;; esac
END
chmod +x /usr/local/bin/busctl
"""


# the second attempt without a reload is a reload, and a reload is tried twice
@pytest.mark.parametrize(('before', 'failures'), [('stock', 2), ('hardened', 3)])
def test_after_a_failed_change_the_former_rules_are_restored(released, before, failures):
    if before == 'hardened':
        assert testbed.play('portmatrix.firewall.harden', *LIMIT).code == 0
    states = testbed.sorted_lines(testbed.host_states(BOTH))
    try:
        for host in BOTH:
            testbed.shell(host, WRAPPER.format(count=failures))
        run = testbed.play(
            'portmatrix.firewall.harden', *LIMIT, '-e', 'avi_vantage_http=true', '-e', 'portmatrix_exclusive=false'
        )
        assert run.statuses() == dict.fromkeys(BOTH, 'failed'), run.output
        for host in BOTH:
            assert 'it broke; the host has its former rules back' in run.results[host]['msg']
            assert testbed.shell(host, 'cat /run/failures').strip() == '0'
    finally:
        for host in BOTH:
            testbed.shell(host, 'rm -f /usr/local/bin/busctl /run/failures')
    assert testbed.sorted_lines(testbed.host_states(BOTH)) == states
    assert testbed.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(
        BOTH, 'changed' if before == 'stock' else 'ok'
    )


def test_logging_of_denied_packets_and_counters_are_not_drift(released):
    try:
        for host in BOTH:
            testbed.shell(
                host,
                'cp -p /etc/firewalld/firewalld.conf /run/; sed -i s/^LogDenied=.*/LogDenied=all/ '
                '/etc/firewalld/firewalld.conf',
            )
            testbed.shell(
                host,
                'sed -i s/^NftablesCounters=.*/NftablesCounters=yes/ /etc/firewalld/firewalld.conf; systemctl restart '
                'firewalld',
            )
        run = testbed.play('portmatrix.firewall.harden', *LIMIT)
        assert run.statuses() == dict.fromkeys(BOTH, 'changed'), run.output
        for host in BOTH:
            assert 'log prefix' in testbed.shell(
                host, 'nft list chain inet firewalld filter_IN_policy_portmatrix-in-top'
            )
        assert 'counter' in testbed.shell(
            'mgmt2', 'nft list chain inet firewalld filter_IN_policy_portmatrix-in-top_allow'
        )
        assert testbed.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(BOTH, 'ok')
    finally:
        testbed.play('portmatrix.firewall.release', *LIMIT)
        for host in BOTH:
            testbed.shell(host, 'mv /run/firewalld.conf /etc/firewalld/; systemctl restart firewalld')
