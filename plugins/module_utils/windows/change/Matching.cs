// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;

    /// <summary>Whether a condition is met: certainly, perhaps, or not.</summary>
    public enum Match { No, Maybe, Yes }

    /// <summary>Which connections a rule applies to. A condition that cannot be evaluated gives Maybe.</summary>
    public class Matching
    {
        readonly AddressSet localSubnets;

        /// <summary>LOCALSUBNETS is what the word LocalSubnet stands for.</summary>
        public Matching(AddressSet localSubnets)
        {
            this.localSubnets = localSubnets;
        }

        /// <summary>Whether RULE, while it is enabled, applies to CONNECTION in the profiles of the rule.</summary>
        public Match Compare(Rule rule, Connection connection)
        {
            if (rule.Unreadable) return Match.Maybe;
            if (rule.Inbound != connection.Inbound) return Match.No;
            if (rule.Protocol != Rule.AnyProtocol && rule.Protocol != Rule.Tcp) return Match.No;
            Match match = ComparePort(rule.ListenerPortSet, connection);
            PortSet openerPorts = rule.Inbound ? rule.RemotePortSet : rule.LocalPortSet;
            // the opener's port is another one each time
            if (!openerPorts.IsAny()) match = Least(match, Match.Maybe);
            if (match == Match.No) return match;
            match = Least(match, CompareAddress(rule.RemoteAddressSet, connection.Peer));
            if (!rule.LocalAddressSet.IsAny)
                match = Least(match, connection.Local.Length == 0
                    ? Match.Maybe : CompareAddress(rule.LocalAddressSet, connection.Local));
            match = Least(match, CompareProgram(rule, connection.Listener));
            bool hasOther = rule.NamesPeople() || rule.SecureFlags != 0 || !String.IsNullOrEmpty(rule.Interfaces)
                || Rule.NormaliseInterfaceTypes(rule.InterfaceTypes) != "all";
            return hasOther ? Least(match, Match.Maybe) : match;
        }

        /// <summary>Whether RULE applies to what listens at the port of CONNECTION, whoever opens it.</summary>
        public Match CompareListener(Rule rule, Connection connection)
        {
            if (!rule.Inbound || (rule.Protocol != Rule.AnyProtocol && rule.Protocol != Rule.Tcp)) return Match.No;
            return Least(ComparePort(rule.ListenerPortSet, connection), CompareProgram(rule, connection.Listener));
        }

        static Match Least(Match a, Match b)
        {
            return a < b ? a : b;
        }

        static Match ComparePort(PortSet ports, Connection connection)
        {
            if (ports.Contains(connection.Port)) return Match.Yes;
            foreach (string word in ports.Keywords)
            {
                if (word == "rpc-epmap" && connection.Port == 135) return Match.Yes;
                if (word.StartsWith("iphttps", StringComparison.Ordinal) && connection.Port == 443) return Match.Yes;
                // what RPC listens on is neither of these
                bool isRpc = word == "rpc" && connection.Listener == Listener.Unknown && connection.Port >= 1024;
                if (isRpc || !IsKnownPortWord(word)) return Match.Maybe;
            }
            return Match.No;
        }

        static bool IsKnownPortWord(string word)
        {
            return word == "rpc" || word == "rpc-epmap" || word == "teredo" || word == "mdns" || word == "ply2disc"
                || word.StartsWith("iphttps", StringComparison.Ordinal);
        }

        Match CompareAddress(AddressSet addresses, string text)
        {
            Address address;
            if (addresses.IsAny) return Match.Yes;
            if (!Address.TryParse(text, out address)) return Match.Maybe;
            if (addresses.Contains(address)) return Match.Yes;
            foreach (string word in addresses.Keywords)
            {
                if (word != "localsubnet") return Match.Maybe;
                if (localSubnets.Contains(address)) return Match.Yes;
            }
            return Match.No;
        }

        /// <summary>Whether the program and the service of RULE are what listens for management.</summary>
        static Match CompareProgram(Rule rule, Listener listener)
        {
            string program = (rule.Application ?? "").ToLowerInvariant();
            string service = (rule.Service ?? "").ToLowerInvariant();
            if (program.Length == 0 && service.Length == 0) return Match.Yes;
            switch (listener)
            {
                // HTTP.sys in the kernel listens for WinRM
                case Listener.WinRm: return IsOneOf(program, "", "system")
                    && IsOneOf(service, "", "*") ? Match.Yes : Match.No;
                case Listener.Ssh: return IsProgram(program, "sshd.exe")
                    && IsOneOf(service, "", "*", "sshd") ? Match.Yes : Match.No;
                case Listener.RemoteDesktop:
                    return IsProgram(program, "svchost.exe")
                        && IsOneOf(service, "", "*", "termservice") ? Match.Yes : Match.No;
                default: return Match.Maybe;
            }
        }

        static bool IsOneOf(string text, params string[] texts)
        {
            return Array.IndexOf(texts, text) >= 0;
        }

        static bool IsProgram(string program, string file)
        {
            return program.Length == 0 || program.EndsWith("\\" + file, StringComparison.Ordinal);
        }
    }
}
