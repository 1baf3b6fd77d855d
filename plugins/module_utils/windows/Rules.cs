// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.AddressSets;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Ports;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules
{
    /// <summary>
    /// One rule of Windows Firewall, as it is written or read. Protocol is the IANA number, 256 is any; Profiles are bits (1 domain, 2 private, 4 public).
    /// Handle is the store's own object of a rule that exists, null for one that is only wanted.
    /// </summary>
    public class Rule
    {
        public const int AnyProtocol = 256, Tcp = 6, Udp = 17, Icmp = 1, Icmpv6 = 58, AllProfiles = 0x7fffffff, ProfileBits = 7;
        public string Name = "", Description = "", Grouping = "", Application = "", Service = "", InterfaceTypes = "All", IcmpTypes = "*";
        public string LocalPorts = "*", RemotePorts = "*", LocalAddresses = "*", RemoteAddresses = "*";
        public bool Inbound = true, Allow = true, Enabled = true, NamesInterfaces, NamesPeople;
        public int Protocol = AnyProtocol, Profiles = AllProfiles, EdgeTraversal, SecureFlags;
        public object Handle;

        public bool HasPorts()
        {
            return Protocol == Tcp || Protocol == Udp;
        }

        public bool HasIcmpTypes()
        {
            return Protocol == Icmp || Protocol == Icmpv6;
        }

        /// <summary>The same text for rules that decide the same and say the same, however Windows spells them when they are read back.</summary>
        public string Canonical()
        {
            return Identity() + (Enabled ? " | on" : " | off");
        }

        /// <summary>Canonical, whether the rule is enabled or not.</summary>
        public string Identity()
        {
            string[] parts =
            {
                Name, Description ?? "", Inbound ? "in" : "out", Allow ? "allow" : "block",
                "protocol=" + Protocol.ToString(CultureInfo.InvariantCulture),
                "local=" + PortSet.Parse(HasPorts() ? LocalPorts : "").Canonical() + " at " + AddressSet.Parse(LocalAddresses).Canonical(),
                "remote=" + PortSet.Parse(HasPorts() ? RemotePorts : "").Canonical() + " at " + AddressSet.Parse(RemoteAddresses).Canonical(),
                "profiles=" + (Profiles & ProfileBits).ToString(CultureInfo.InvariantCulture),
                "types=" + (HasIcmpTypes() ? Types(IcmpTypes) : "*"),
                "interfaces=" + (NamesInterfaces ? "named" : Kinds(InterfaceTypes)),
                "program=" + (Application ?? "").ToLowerInvariant(),
                "service=" + (Service ?? "").ToLowerInvariant(),
                "edge=" + EdgeTraversal.ToString(CultureInfo.InvariantCulture),
                "security=" + SecureFlags.ToString(CultureInfo.InvariantCulture) + (NamesPeople ? " people" : ""),
            };
            return String.Join(" | ", parts);
        }

        static string Types(string text)
        {
            return String.IsNullOrEmpty(text) || text == "*:*" ? "*" : text.TrimEnd(',');
        }

        static string Kinds(string text)
        {
            string[] kinds = (String.IsNullOrEmpty(text) ? "All" : text).ToLowerInvariant().Split(',');
            Array.Sort(kinds, StringComparer.Ordinal);
            return String.Join(",", kinds);
        }

        /// <summary>Whether the rule asks for more than addresses, protocol and ports, so that not everything of the kind passes or is stopped by it.</summary>
        public bool IsConditional()
        {
            return !String.IsNullOrEmpty(Application) || !String.IsNullOrEmpty(Service) || NamesInterfaces || NamesPeople || SecureFlags != 0
                || Kinds(InterfaceTypes) != "all" || PortSet.Parse(LocalPorts).HasWords() || PortSet.Parse(RemotePorts).HasWords()
                || AddressSet.Parse(RemoteAddresses).HasWords() || !AddressSet.Parse(LocalAddresses).Any || (HasIcmpTypes() && Types(IcmpTypes) != "*");
        }

        /// <summary>The same rule, spelt as Windows takes it: what it reads back cannot all be written.</summary>
        public Rule Spelt()
        {
            Rule rule = (Rule)MemberwiseClone();
            rule.Handle = null;
            rule.LocalPorts = PortSet.Parse(HasPorts() ? LocalPorts : "").Canonical();
            rule.RemotePorts = PortSet.Parse(HasPorts() ? RemotePorts : "").Canonical();
            rule.LocalAddresses = AddressSet.Parse(LocalAddresses).Canonical();
            rule.RemoteAddresses = AddressSet.Parse(RemoteAddresses).Canonical();
            if (HasIcmpTypes()) rule.IcmpTypes = Types(IcmpTypes);
            if (String.IsNullOrEmpty(InterfaceTypes)) rule.InterfaceTypes = "All";
            return rule;
        }

        public Dictionary<string, object> ToData()
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            foreach (System.Reflection.FieldInfo field in typeof(Rule).GetFields())
                if (!field.IsLiteral && field.Name != "Handle") data[field.Name] = field.GetValue(this);
            return data;
        }

        public static Rule FromData(Dictionary<string, object> data)
        {
            Rule rule = new Rule();
            foreach (System.Reflection.FieldInfo field in typeof(Rule).GetFields())
                if (data.ContainsKey(field.Name)) field.SetValue(rule, Convert.ChangeType(data[field.Name], field.FieldType, CultureInfo.InvariantCulture));
            return rule;
        }
    }

    /// <summary>The firewall's setting in one profile. ShieldsUp blocks all that comes in, whatever the rules say.</summary>
    public class Profile
    {
        public static readonly int[] Numbers = { 1, 2, 4 };
        public bool Enabled, BlockInbound, BlockOutbound, ShieldsUp;

        public Profile Copy()
        {
            return (Profile)MemberwiseClone();
        }

        public static string Title(int number)
        {
            return number == 1 ? "domain" : number == 2 ? "private" : "public";
        }
    }
}
