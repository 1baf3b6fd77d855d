"""ufw's files as people keep them: links, groups, host names, lines of projects, rates."""

from __future__ import annotations

import cases
import pytest
import testbed
from ufw_pair import ENABLE, HOSTS, LIMIT, harden

BEFORE = '/etc/ufw/before.rules'


def on_hosts(script: str, **options: bool) -> dict[str, str]:
    return testbed.map_hosts(lambda host: testbed.shell(host, script, **options), HOSTS)


def release() -> None:
    run = testbed.play('portmatrix.firewall.release', *LIMIT)
    assert run.code == 0, run.output


def failed(*arguments: str) -> str:
    run = testbed.play('portmatrix.firewall.harden', *LIMIT, *arguments)
    assert set(run.statuses().values()) == {'failed'}, run.output
    return ' '.join(run.output.split())


READ_FILES = """
readlink /etc/ufw/before.rules; stat -L -c '%a %G' /etc/ufw/user.rules /etc/ufw/before.rules
getfattr -d /etc/ufw/user6.rules 2>/dev/null; tail -c 20 /etc/ufw/after.rules | od -c; cat /root/dotfiles/before.rules | md5sum
"""


def test_links_owners_modes_and_last_lines_stay(plain_ufw):
    """A file that is a link is written through it, and is what it was after the release."""
    on_hosts(ENABLE)
    try:
        on_hosts(
            f"""set -e; mkdir -p /root/dotfiles; mv {BEFORE} /root/dotfiles/; ln -s /root/dotfiles/before.rules {BEFORE}
            chgrp adm /etc/ufw/user.rules /root/dotfiles/before.rules; chmod 640 /etc/ufw/user.rules
            printf '# no newline at the end' >> /etc/ufw/after.rules"""
        )
        before = on_hosts(READ_FILES)
        harden('-e', 'portmatrix_log_denied=true')
        hardened = on_hosts(READ_FILES)
        for host in HOSTS:
            assert hardened[host].splitlines()[:3] == before[host].splitlines()[:3]
        release()
        assert on_hosts(READ_FILES) == before
    finally:
        on_hosts('rm -rf /root/dotfiles')


SPELLINGS = {
    'a blank first': "sed -i 's/^### END RULES/ -A ufw-user-input -p tcp --dport 7 -j ACCEPT\\n&/'",
    'inserted': "sed -i 's/^### END RULES/-I ufw-user-input -p tcp --dport 7 -j ACCEPT\\n&/'",
    'in another chain': "sed -i 's/^### END RULES/-A ufw-before-input -p tcp --dport 7 -j ACCEPT\\n&/'",
}


@pytest.mark.parametrize('name', cases.chosen(SPELLINGS, 'inserted'))
def test_a_line_that_ufw_would_lose_is_refused_however_it_is_written(plain_ufw, name):
    on_hosts(f'{ENABLE}; {SPELLINGS[name]} /etc/ufw/user.rules')
    before = on_hosts('cat /etc/ufw/user.rules')
    assert 'belongs to no tuple, so ufw would drop it with its next change' in failed()
    assert on_hosts('cat /etc/ufw/user.rules') == before


def test_a_host_name_is_resolved_and_a_release_does_not_depend_on_it(plain_ufw):
    add = f"sed -i 's/^# ok icmp codes for INPUT/-A ufw-before-input -s backup.example -p tcp --dport 22 -j ACCEPT\\n&/' {BEFORE}"
    try:
        on_hosts(f'echo 198.51.100.31 backup.example >> /etc/hosts; {add}; {ENABLE}')
        files = on_hosts('cat /etc/ufw/*.rules | md5sum')
        harden('-e', 'portmatrix_exclusive=false')
        run = testbed.play('portmatrix.firewall.harden', *LIMIT, '-e', 'portmatrix_exclusive=false')
        assert run.statuses() == dict.fromkeys(HOSTS, 'ok'), run.output
        on_hosts("sed '/backup.example/d' /etc/hosts > /tmp/hosts; cat /tmp/hosts > /etc/hosts")
        release()
        assert on_hosts('cat /etc/ufw/*.rules | md5sum') == files
        rules = testbed.shell('data1', 'iptables-save -t filter')
        assert '198.51.100.31/32 -p tcp -m tcp --dport 22' in rules and '--dport 2003' not in rules
        assert 'backup.example' in failed('-e', 'portmatrix_exclusive=false')
    finally:
        on_hosts("sed '/backup.example/d' /etc/hosts > /tmp/hosts; cat /tmp/hosts > /etc/hosts")


# what the project ufw-docker does, and a rule that is inserted before everything else
PROJECT = f"""
cat >> /etc/ufw/after.rules <<'END'
*filter
:DOCKER-USER - [0:0]
-A DOCKER-USER -s 203.0.113.0/24 -j DROP
-A DOCKER-USER -j RETURN
COMMIT
END
sed -i 's/^# ok icmp codes for INPUT/-I INPUT -p tcp --dport 8888 -j ACCEPT\\n&/' {BEFORE}
iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN; iptables -A FORWARD -j DOCKER-USER
"""
EFFECTS = 'iptables -S DOCKER-USER; iptables -S INPUT | grep 8888'
CHAIN = '-N DOCKER-USER\n-A DOCKER-USER -s 203.0.113.0/24 -j DROP\n-A DOCKER-USER -j RETURN\n'
OPEN = '-A INPUT -p tcp -m tcp --dport 8888 -j ACCEPT\n'


def test_what_the_files_do_outside_of_the_chains_of_ufw(plain_ufw):
    """What `ufw enable` would load is loaded, and what is switched off in a file goes from the kernel."""
    port = [('tcp', '198.51.100.21', 8888)]
    on_hosts(PROJECT)
    harden('-e', 'portmatrix_exclusive=false')
    effects = on_hosts(EFFECTS)
    assert effects == dict.fromkeys(HOSTS, CHAIN + OPEN)
    with testbed.serving({'data1': [('tcp', 8888)]}):
        assert testbed.connections('edge1', port, expected=True) == [True]
        run = harden('--diff')
        assert 'not in the policy, and closed: /etc/ufw/before.rules: -I INPUT -p tcp --dport 8888' in run.output
        assert on_hosts(f'{EFFECTS}; true') == dict.fromkeys(HOSTS, CHAIN)
        assert testbed.connections('edge1', port, expected=False) == [False]
    assert testbed.play('portmatrix.firewall.harden', *LIMIT).statuses() == dict.fromkeys(HOSTS, 'ok')
    release()
    on_hosts('iptables -D FORWARD -j DOCKER-USER; iptables -F DOCKER-USER; iptables -X DOCKER-USER; true')


def test_a_rate_of_others_is_named(plain_ufw):
    on_hosts(f'{ENABLE}; ufw limit 443/tcp >/dev/null; ufw limit 2003/tcp >/dev/null')
    run = harden('-e', 'portmatrix_exclusive=false')
    assert 'limit how often the policy lets connections in, and come first' in ' '.join(run.output.split()), run.output
    assert 'limit in proto tcp to any port 2003' in ' '.join(run.output.split())
