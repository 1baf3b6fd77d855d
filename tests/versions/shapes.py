"""Scripts that bring a Debian host into the shape of another distribution, as far as a firewall's manager notices."""

from __future__ import annotations

# ufw instead of firewalld, in its default configuration
_UFW = """
systemctl disable -q --now firewalld
ufw allow 22/tcp >/dev/null; ufw --force enable >/dev/null
"""
# RHEL: interfaces placed in zones while NetworkManager runs, not in files; cockpit and DHCPv6 open; one Python, for the
# system itself; no ufw
_RHEL = """
mkdir -p /usr/libexec
cp -L /usr/bin/python3 /usr/libexec/platform-python
sed -i '1s|.*|#!/usr/libexec/platform-python -s|' /usr/sbin/firewalld /usr/bin/firewall-cmd
sed -i '1s|.*|#!/usr/libexec/platform-python -s|' /usr/bin/firewall-offline-cmd
rm -f /usr/bin/python3 /usr/sbin/ufw
systemctl restart firewalld
firewall-cmd -q --permanent --zone=public --add-service=cockpit; firewall-cmd -q --reload
firewall-cmd -q --zone=public --add-interface=eth0
"""
# Fedora Workstation: a default zone of its own that opens all high ports, and what firewalld.conf has there
_FEDORA = """
cat > /usr/lib/firewalld/zones/FedoraWorkstation.xml <<'END'
<?xml version="1.0" encoding="utf-8"?>
<zone>
  <short>Fedora Workstation</short>
  <service name="dhcpv6-client"/><service name="ssh"/><service name="samba-client"/>
  <port protocol="udp" port="1025-65535"/><port protocol="tcp" port="1025-65535"/>
  <forward/>
</zone>
END
sed -i -e 's/^DefaultZone=.*/DefaultZone=FedoraWorkstation/' -e 's/^NftablesTableOwner=.*/NftablesTableOwner=yes/' \
    -e 's/^StrictForwardPorts=.*/StrictForwardPorts=yes/' /etc/firewalld/firewalld.conf
systemctl restart firewalld
"""
# Ubuntu in a cloud (Oracle): rules of netfilter-persistent beside ufw, and traces of cloud-init
_UBUNTU = f"""
mkdir -p /etc/iptables /etc/cloud; echo 'network: {{config: disabled}}' > /etc/cloud/cloud.cfg
cat > /etc/iptables/rules.v4 <<'END'
*filter
:InstanceServices - [0:0]
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p udp --sport 123 -j ACCEPT
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
-A OUTPUT -d 169.254.0.0/16 -j InstanceServices
-A InstanceServices -d 169.254.169.254/32 -p udp -m udp --dport 53 -j ACCEPT
-A InstanceServices -d 169.254.0.0/16 -p tcp -m tcp -j REJECT --reject-with tcp-reset
COMMIT
END
iptables-restore -n /etc/iptables/rules.v4
{_UFW}
"""
SHAPES = {'ufw': _UFW, 'rhel': _RHEL, 'fedora': _FEDORA, 'ubuntu': _UBUNTU}
TITLES = {
    'rhel': 'shape of RHEL on {}',
    'fedora': 'shape of Fedora Workstation on {}',
    'ubuntu': 'shape of Ubuntu in a cloud on {}',
}
