// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Addresses;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.AddressSets;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Ports;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections
{
    /// <summary>A connection as this host sees it; Port is the listener's. Inbound: the peer opened it.</summary>
    public class Connection
    {
        public bool Inbound = true;
        public string Peer = "";
        public int Port, PeerPort;

        public override string ToString()
        {
            string format = Inbound ? "the connection from {0} to port {1}" : "the connection to {0}, port {1}";
            return String.Format(CultureInfo.InvariantCulture, format, Peer, Port);
        }

        /// <summary>
        /// What RULE, while it is enabled, does to a connection like this one: +1 allows it, -1 blocks it, 0 neither,
        /// or not for certain.
        /// </summary>
        public int GetVerdict(Rule rule)
        {
            Address peer;
            if (rule.Inbound != Inbound || (rule.Protocol != Rule.AnyProtocol && rule.Protocol != Rule.Tcp)) return 0;
            if (!Address.TryParse(Peer, out peer)) return rule.Allow ? 0 : -1;
            string local = rule.HasPorts() ? rule.LocalPorts : "", remote = rule.HasPorts() ? rule.RemotePorts : "";
            PortSet listenerPorts = PortSet.Parse(Inbound ? local : remote);
            PortSet openerPorts = PortSet.Parse(Inbound ? remote : local);
            AddressSet peers = AddressSet.Parse(rule.RemoteAddresses);
            if (rule.Allow)
            {
                bool allows = !rule.IsConditional() && openerPorts.IsAny() && listenerPorts.Contains(Port)
                    && peers.Contains(peer);
                return allows ? 1 : 0;
            }
            // for a rule that blocks, a condition that cannot be evaluated counts as met
            bool blocks = (listenerPorts.Contains(Port) || listenerPorts.HasKeywords())
                && (peers.Contains(peer) || peers.HasKeywords()) && Programs.CanListen(rule, Port);
            return blocks ? -1 : 0;
        }
    }

    /// <summary>The programs that listen on the management ports.</summary>
    public static class Programs
    {
        /// <summary>Whether the program or service of RULE may be the listener on PORT.</summary>
        public static bool CanListen(Rule rule, int port)
        {
            string program = (rule.Application ?? "").ToLowerInvariant();
            string service = (rule.Service ?? "").ToLowerInvariant();
            // HTTP.sys in the kernel listens for WinRM
            if (port == 5985 || port == 5986)
                return (program.Length == 0 || program == "system") && service.Length == 0;
            if (port == 22)
                return (program.Length == 0 || program.EndsWith("\\sshd.exe", StringComparison.Ordinal))
                    && (service.Length == 0 || service == "*" || service == "sshd");
            return true;
        }
    }
}
