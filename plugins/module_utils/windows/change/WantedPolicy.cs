// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Globalization;

    /// <summary>
    /// The rules that the controller has made for this host (plugin_utils/_action/windows/wire.py). Form and bounds are
    /// checked here; what is not understood is refused.
    /// </summary>
    public class WantedPolicy
    {
        const string NamePrefix = "portmatrix/";
        /// <summary>Windows refuses more.</summary>
        const int MaxAddresses = 1000, MaxText = 10000;
        public readonly string Digest;
        public readonly bool DeniesEgress, IsExclusive, LogsDenied;
        public readonly List<Rule> Rules = new List<Rule>();
        /// <summary>Rules for management without their ports. DECLARED: whether their peers are.</summary>
        public readonly List<Rule> ManagementRules = new List<Rule>();
        public readonly bool ManagementDeclared;
        public readonly List<int> ManagementPorts = new List<int>();
        readonly List<string> addresses = new List<string>();
        readonly Set<string> names = new Set<string>(StringComparer.OrdinalIgnoreCase);

        /// <summary>Raises FormatException.</summary>
        public WantedPolicy(Fields fields)
        {
            Digest = fields.GetText("digest");
            DeniesEgress = fields.GetChoice("egress", "allow", "deny") == "deny";
            IsExclusive = fields.GetFlag("exclusive");
            LogsDenied = fields.GetFlag("log_denied");
            foreach (object list in fields.GetItems("addresses")) addresses.Add(ParseAddresses(list));
            foreach (object item in fields.GetItems("rules")) Rules.Add(ParseRule(item));
            Fields management = fields.GetObject("management", "declared", "ports", "rules");
            ManagementDeclared = management.GetFlag("declared");
            foreach (string port in management.GetTexts("ports")) ManagementPorts.Add(ParsePort(port));
            foreach (object item in management.GetItems("rules")) ManagementRules.Add(ParseManagementRule(item));
            if (ManagementRules.Count == 0) throw new FormatException("management: rules: must not be empty");
        }

        public static readonly string[] Keys =
        {
            "digest", "egress", "exclusive", "log_denied", "addresses", "rules", "management",
        };

        static string ParseAddresses(object item)
        {
            List<object> list = item as List<object>;
            if (list == null || list.Count == 0 || list.Count > MaxAddresses)
                throw new FormatException("addresses: must be lists of 1 to 1000");
            string text = String.Join(",", list.ConvertAll<string>(Convert.ToString).ToArray());
            AddressSet set = AddressSet.Parse(text);
            // an empty or a damaged list would be read as every address
            if (set.IsAny || set.Keywords.Count > 0 || set.ToCanonicalText() != text)
                throw new FormatException("addresses: must be canonical CIDRs");
            return text;
        }

        static int ParsePort(string text)
        {
            int port;
            if (Int32.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port > 0
                && port < 65536)
                return port;
            throw new FormatException("ports: must be 1 to 65535");
        }

        /// <summary>[name, description, in or out, protocol, ports, index of the addresses or -1]</summary>
        Rule ParseRule(object item)
        {
            List<object> parts = item as List<object>;
            if (parts == null || parts.Count != 6 || !(parts[3] is long) || !(parts[4] is string))
                throw new FormatException("rules: must be lists of six");
            Rule rule = CreateRule(parts[0], parts[1], parts[5]);
            string direction = parts[2] as string, ports = (string)parts[4];
            if (direction != "in"
                && direction != "out")
                throw new FormatException("rules: direction: must be in or out");
            rule.Inbound = direction == "in";
            if ((long)parts[3] < 0
                || (long)parts[3] > 255)
                throw new FormatException("rules: protocol: must be 0 to 255");
            rule.Protocol = (int)(long)parts[3];
            PortSet set = PortSet.Parse(ports);
            bool canonical = set.Keywords.Count == 0 && !set.IsAny() && set.ToCanonicalText() == ports;
            if (rule.HasPorts() ? !canonical : ports.Length > 0)
                throw new FormatException("rules: ports: must be canonical for TCP and UDP, and empty for others");
            if (!rule.HasPorts()) return rule;
            if (rule.Inbound) rule.LocalPorts = ports;
            else rule.RemotePorts = ports;
            return rule;
        }

        /// <summary>[name, description, index of the addresses or -1]</summary>
        Rule ParseManagementRule(object item)
        {
            List<object> parts = item as List<object>;
            if (parts == null
                || parts.Count != 3)
                throw new FormatException("management: rules: must be lists of three");
            Rule rule = CreateRule(parts[0], parts[1], parts[2]);
            rule.Protocol = Rule.Tcp;
            return rule;
        }

        Rule CreateRule(object name, object description, object index)
        {
            Rule rule = new Rule { Name = RequireText(name), Description = RequireText(description) };
            if (!rule.Name.StartsWith(NamePrefix, StringComparison.Ordinal) || !names.Add(rule.Name))
                throw new FormatException("rules: name: must be unique and begin with " + NamePrefix);
            rule.Grouping = Rule.ManagedGroup;
            if (!(index is long) || (long)index < -1 || (long)index >= addresses.Count)
                throw new FormatException("rules: there is no such list of addresses");
            if ((long)index >= 0) rule.RemoteAddresses = addresses[(int)(long)index];
            return rule;
        }

        static string RequireText(object item)
        {
            string text = item as string;
            if (String.IsNullOrEmpty(text) || text.Length > MaxText)
                throw new FormatException("rules: name and description: must be 1 to 10000 characters");
            foreach (char letter in text)
                if (letter < ' ' || letter == '|') throw new FormatException("rules: a forbidden character");
            return text;
        }
    }
}
