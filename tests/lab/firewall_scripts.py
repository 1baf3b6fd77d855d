"""Scripts that switch the firewall of a host, and add and remove rules that portmatrix does not manage."""

from __future__ import annotations

# what portmatrix leaves on a host
LIST_MANAGED = 'ls -d /var/lib/portmatrix /etc/firewalld/policies/portmatrix-* /etc/firewalld/ipsets/portmatrix-* 2>/dev/null; grep -ls portmatrix /etc/ufw/*.rules'

# How an administrator switches from firewalld to ufw and back. The built-in chains of iptables exist from their first
# use on.
CLEAR_TABLES = 'for tool in iptables ip6tables; do $tool -F; $tool -X; for chain in INPUT OUTPUT FORWARD; do $tool -P $chain ACCEPT; done; done'
SWITCH_TO_UFW = f'systemctl disable -q --now firewalld; [ -d /root/ufw.d ] || cp -a /etc/ufw /root/ufw.d; cp -an /etc/default/ufw /root/ufw.default; {CLEAR_TABLES}'
RESET_UFW = f'''
ufw --force disable >/dev/null; systemctl disable -q ufw; rm -rf /etc/ufw; cp -a /root/ufw.d /etc/ufw; cp -a /root/ufw.default /etc/default/ufw; {CLEAR_TABLES}
'''
SWITCH_TO_FIREWALLD = f'{RESET_UFW} systemctl enable -q --now firewalld'

ADD_UNMANAGED = {
    'firewalld': 'firewall-cmd -q --permanent --zone=public --add-port=9100/tcp; firewall-cmd -q --reload; '
    'firewall-cmd -q --zone=public --add-port=9101/tcp',
    'ufw': 'ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null; ufw allow 9100/tcp comment theirs >/dev/null; '
    'ufw reload >/dev/null',
}
# command that lists them, what it prints
UNMANAGED = {
    'firewalld': ('firewall-cmd --zone=public --list-ports', '9100/tcp 9101/tcp'),
    'ufw': ('ufw status', '9100/tcp'),
}
REMOVE_UNMANAGED = {'firewalld': 'rm -f /etc/firewalld/zones/public.xml*; firewall-cmd -q --reload', 'ufw': RESET_UFW}
