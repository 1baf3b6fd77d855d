// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Reflection;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.AddressSets;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Ports;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules
{
    /// <summary>
    /// One rule of Windows Firewall, as written or as read. Protocol is the IANA number, 256 is any; Profiles are bits
    /// (1 domain, 2 private, 4 public). Handle is the store's own object of an existing rule, null for a rule that is
    /// only wanted. The names of the fields are keys of stored snapshots.
    /// </summary>
    public class Rule
    {
        public const int AnyProtocol = 256, Tcp = 6, Udp = 17, Icmp = 1, Icmpv6 = 58;
        public const int AllProfiles = 0x7fffffff, ProfileBits = 7;
        public string Name = "", Description = "", Grouping = "", Application = "", Service = "";
        public string InterfaceTypes = "All", IcmpTypes = "*";
        public string LocalPorts = "*", RemotePorts = "*", LocalAddresses = "*", RemoteAddresses = "*";
        public bool Inbound = true, Allow = true, Enabled = true;
        /// <summary>
        /// Whether the rule is limited to certain interfaces, and to certain users, computers or packages.
        /// </summary>
        public bool NamesInterfaces, NamesPeople;
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

        /// <summary>
        /// The same text for rules with the same name, description and effect, in whatever notation Windows reads them
        /// back.
        /// </summary>
        public string ToCanonicalText()
        {
            return GetIdentity() + (Enabled ? " | on" : " | off");
        }

        /// <summary>The canonical text without the last part, which is whether the rule is enabled.</summary>
        public string GetIdentity()
        {
            string[] parts =
            {
                Name, Description ?? "", Inbound ? "in" : "out", Allow ? "allow" : "block",
                "protocol=" + Format(Protocol),
                "local=" + NormalisePorts(LocalPorts) + " at " + NormaliseAddresses(LocalAddresses),
                "remote=" + NormalisePorts(RemotePorts) + " at " + NormaliseAddresses(RemoteAddresses),
                "profiles=" + Format(Profiles & ProfileBits),
                "types=" + (HasIcmpTypes() ? NormaliseIcmpTypes(IcmpTypes) : "*"),
                "interfaces=" + (NamesInterfaces ? "named" : NormaliseInterfaceTypes(InterfaceTypes)),
                "program=" + (Application ?? "").ToLowerInvariant(),
                "service=" + (Service ?? "").ToLowerInvariant(),
                "edge=" + Format(EdgeTraversal),
                "security=" + Format(SecureFlags) + (NamesPeople ? " people" : ""),
            };
            return String.Join(" | ", parts);
        }

        static string Format(int number)
        {
            return number.ToString(CultureInfo.InvariantCulture);
        }

        string NormalisePorts(string text)
        {
            return PortSet.Parse(HasPorts() ? text : "").ToCanonicalText();
        }

        static string NormaliseAddresses(string text)
        {
            return AddressSet.Parse(text).ToCanonicalText();
        }

        static string NormaliseIcmpTypes(string text)
        {
            return String.IsNullOrEmpty(text) || text == "*:*" ? "*" : text.TrimEnd(',');
        }

        static string NormaliseInterfaceTypes(string text)
        {
            string[] types = (String.IsNullOrEmpty(text) ? "All" : text).ToLowerInvariant().Split(',');
            Array.Sort(types, StringComparer.Ordinal);
            return String.Join(",", types);
        }

        /// <summary>
        /// Whether the rule has conditions beyond remote addresses, protocol and ports, so that it does not apply to
        /// all such traffic.
        /// </summary>
        public bool IsConditional()
        {
            return !String.IsNullOrEmpty(Application) || !String.IsNullOrEmpty(Service)
                || NamesInterfaces || NamesPeople || SecureFlags != 0
                || NormaliseInterfaceTypes(InterfaceTypes) != "all"
                || PortSet.Parse(LocalPorts).HasKeywords() || PortSet.Parse(RemotePorts).HasKeywords()
                || AddressSet.Parse(RemoteAddresses).HasKeywords() || !AddressSet.Parse(LocalAddresses).IsAny
                || (HasIcmpTypes() && NormaliseIcmpTypes(IcmpTypes) != "*");
        }

        /// <summary>
        /// The same rule in a notation that Windows accepts: not all that it reads back can be written.
        /// </summary>
        public Rule Normalised()
        {
            Rule rule = (Rule)MemberwiseClone();
            rule.Handle = null;
            rule.LocalPorts = NormalisePorts(LocalPorts);
            rule.RemotePorts = NormalisePorts(RemotePorts);
            rule.LocalAddresses = NormaliseAddresses(LocalAddresses);
            rule.RemoteAddresses = NormaliseAddresses(RemoteAddresses);
            if (HasIcmpTypes()) rule.IcmpTypes = NormaliseIcmpTypes(IcmpTypes);
            if (String.IsNullOrEmpty(InterfaceTypes)) rule.InterfaceTypes = "All";
            return rule;
        }

        public Dictionary<string, object> ToData()
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            foreach (FieldInfo field in typeof(Rule).GetFields())
                if (!field.IsLiteral && field.Name != "Handle") data[field.Name] = field.GetValue(this);
            return data;
        }

        public static Rule FromData(Dictionary<string, object> data)
        {
            Rule rule = new Rule();
            foreach (FieldInfo field in typeof(Rule).GetFields())
            {
                if (!data.ContainsKey(field.Name)) continue;
                object value = Convert.ChangeType(data[field.Name], field.FieldType, CultureInfo.InvariantCulture);
                field.SetValue(rule, value);
            }
            return rule;
        }
    }

    /// <summary>
    /// The settings of the firewall in one profile. ShieldsUp blocks all inbound traffic, whatever the rules allow.
    /// </summary>
    public class Profile
    {
        public static readonly int[] Numbers = { 1, 2, 4 };
        public bool Enabled, BlockInbound, BlockOutbound, ShieldsUp;

        public Profile Copy()
        {
            return (Profile)MemberwiseClone();
        }

        public static string GetName(int number)
        {
            return number == 1 ? "domain" : number == 2 ? "private" : "public";
        }
    }
}
