"""Harm done to a host of the lab while a change is under way there: programs that kill their caller, connections that
hang."""

from __future__ import annotations

import subprocess
import typing as t

import lab
import world

KILL = 'kill -9 $PPID; sleep 0.2'
# NAME of a program is replaced by one that does BEFORE or AFTER once, when its arguments are like PATTERN
_WRAPPER = r"""
rm -f /run/fault
mkdir -p /usr/local/bin
cat > {place} <<'END'
#!/bin/sh
case "$*" in {pattern}) if [ ! -e /run/fault ]; then touch /run/fault; hit=1; {before}; fi ;; esac
{real} "$@"; code=$?
if [ -n "$hit" ]; then {after}; fi
exit $code
END
chmod +x {place}
"""
_REMOVE = (
    'pkill -f "[f]ault waits"; cd /usr/sbin; for f in *tables-restore.real; do [ -e $f ] && mv $f ${f%.real}; done; '
    'rm -f /usr/local/bin/* /run/fault;'
    'nft delete table inet fault 2>/dev/null'
)
_HANG = 'table inet fault { chain input { type filter hook input priority -300; ip saddr 198.51.100.1 tcp dport 22 tcp flags syn drop; }; }'
# what loads ufw's rules into the kernel, one family after the other
LOAD4, LOAD6 = ('iptables-restore', '"-w 10 -n"'), ('ip6tables-restore', '"-w 10 -n"')
ARMED = 'test -e /var/lib/portmatrix/pending/armed'
APPLIED = 'test -e /var/lib/portmatrix/pending/applied'


class Fault(t.NamedTuple):
    """PROGRAM, once with arguments like PATTERN (of a shell's case), does BEFORE or AFTER besides its own work."""

    program: str
    pattern: str
    before: str = ':'
    after: str = ':'


def install(host: str, fault: Fault) -> None:
    place, real = f'/usr/local/bin/{fault.program}', f'/usr/bin/{fault.program}'
    if 'tables' in fault.program:  # called by its full path, and one program with many names
        world.shell(host, f'mv /usr/sbin/{fault.program} /usr/sbin/{fault.program}.real')
        place, real = f'/usr/sbin/{fault.program}', f'xtables-nft-multi {fault.program}'
    world.shell(host, _WRAPPER.format(place=place, real=real, **fault._asdict()))


def happened(host: str) -> bool:
    return world.shell(host, 'ls /run/fault 2>/dev/null; true') != ''


def remove(host: str) -> None:
    world.shell(host, f'{_REMOVE}; true')


def once(host: str, script: str, ready: str = ARMED) -> None:
    """Run SCRIPT on HOST as soon as it is READY: a change waits there."""
    world.shell(
        host,
        f'(: fault waits; for n in $(seq 6000); do if {ready}; then {script}; break; fi; sleep 0.02; done) >/dev/null '
        '2>&1 &',
    )


def hang_new_connections(host: str, seconds: int | None = None) -> None:
    """Once a change waits, new connections from the controller get no answer (for SECONDS): a fault that is in
    nobody's rules."""
    mend = f'; sleep {seconds}; nft delete table inet fault' if seconds else ''
    once(host, f"nft '{_HANG}'{mend}")


def answer_again(host: str) -> None:
    world.shell(host, 'nft delete table inet fault 2>/dev/null; true')


def power_cycle(hosts: t.Iterable[str]) -> None:
    """Take the power from HOSTS, without a word to them, and give it back."""
    hosts = list(hosts)
    lab.podman('kill', *hosts, stdout=subprocess.DEVNULL)
    lab.podman('start', *hosts, stdout=subprocess.DEVNULL)
    for host in hosts:
        lab.wait_for(lambda host=host: lab.answers(world.HOSTS[host]['ansible_host']), f'sshd of {host}', seconds=60)
        world.shell(host, 'systemctl is-system-running --wait >/dev/null; true')
