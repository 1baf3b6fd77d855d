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
            return String.Format(CultureInfo.InvariantCulture, Inbound ? "the connection from {0} to port {1}" : "the connection to {0}, port {1}", Peer, Port);
        }

        /// <summary>Whether RULE says something about a connection like this one: +1 it lets it pass while it is enabled, -1 it stops it, 0 nothing, or
        /// nothing for certain.</summary>
        public int Verdict(Rule rule)
        {
            Address peer;
            if (rule.Inbound != Inbound || (rule.Protocol != Rule.AnyProtocol && rule.Protocol != Rule.Tcp)) return 0;
            if (!Address.TryParse(Peer, out peer)) return rule.Allow ? 0 : -1;
            PortSet ports = PortSet.Parse(rule.HasPorts() ? (Inbound ? rule.LocalPorts : rule.RemotePorts) : "");
            PortSet others = PortSet.Parse(rule.HasPorts() ? (Inbound ? rule.RemotePorts : rule.LocalPorts) : "");
            AddressSet peers = AddressSet.Parse(rule.RemoteAddresses);
            if (rule.Allow) return !rule.IsConditional() && others.Any() && ports.Contains(Port) && peers.Contains(peer) ? 1 : 0;
            // of a rule that stops, whatever cannot be told counts as met
            bool stops = (ports.Contains(Port) || ports.HasWords()) && (peers.Contains(peer) || peers.HasWords()) && Programs.MayServe(rule, Port);
            return stops ? -1 : 0;
        }
    }

    /// <summary>Who listens on the ports of management.</summary>
    public static class Programs
    {
        /// <summary>Whether a RULE for a program or service can be about the listener on PORT.</summary>
        public static bool MayServe(Rule rule, int port)
        {
            bool winrm = port == 5985 || port == 5986;
            string program = (rule.Application ?? "").ToLowerInvariant(), service = (rule.Service ?? "").ToLowerInvariant();
            // HTTP.sys in the kernel listens for WinRM
            if (winrm) return (program.Length == 0 || program == "system") && service.Length == 0;
            if (port == 22) return (program.Length == 0 || program.EndsWith("\\sshd.exe", StringComparison.Ordinal))
                && (service.Length == 0 || service == "*" || service == "sshd");
            return true;
        }
    }
}
