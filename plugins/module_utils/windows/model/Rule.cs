// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Globalization;

    /// <summary>
    /// One rule of Windows Firewall, as written or as read. Protocol is the IANA number, 256 is any; Profiles are bits
    /// (1 domain, 2 private, 4 public). Handle is the store's own object of an existing rule, null for a rule that is
    /// only wanted. Interfaces are names, separated by commas. The names of the fields are keys of stored records.
    /// </summary>
    public class Rule
    {
        public const int AnyProtocol = 256, Tcp = 6, Udp = 17, Icmp = 1, Icmpv6 = 58;
        public const int AllProfiles = 0x7fffffff, ProfileBits = 7;
        /// <summary>The group of all rules managed by portmatrix.</summary>
        public const string ManagedGroup = "portmatrix";
        public string Name = "", Description = "", Grouping = "", Application = "", Service = "";
        public string InterfaceTypes = "All", Interfaces = "", IcmpTypes = "*";
        public string LocalPorts = "*", RemotePorts = "*", LocalAddresses = "*", RemoteAddresses = "*";
        public string LocalUsers = "", RemoteUsers = "", RemoteComputers = "", Owner = "", Package = "";
        public bool Inbound = true, Allow = true, Enabled = true;
        public int Protocol = AnyProtocol, Profiles = AllProfiles, EdgeTraversal, SecureFlags;
        public object Handle;
        /// <summary>Whether the rule could not be read: only name, group and state are known then, if at all.</summary>
        public bool Unreadable;
        readonly Parsed parsed = new Parsed();
        /// <summary>Built once: a rule that was read does not change, but for its state.</summary>
        string effect;

        /// <summary>The sets in the texts, parsed once.</summary>
        class Parsed
        {
            readonly string[] texts = new string[4];
            readonly object[] sets = new object[4];

            public T Get<T>(int index, string text, Func<string, T> parse) where T : class
            {
                if (sets[index] == null || !Object.ReferenceEquals(texts[index], text))
                {
                    texts[index] = text;
                    sets[index] = parse(text);
                }
                return (T)sets[index];
            }
        }

        public PortSet LocalPortSet { get { return parsed.Get(0, HasPorts() ? LocalPorts : "", PortSet.Parse); } }

        public PortSet RemotePortSet { get { return parsed.Get(1, HasPorts() ? RemotePorts : "", PortSet.Parse); } }

        public AddressSet LocalAddressSet { get { return parsed.Get(2, LocalAddresses, AddressSet.Parse); } }

        public AddressSet RemoteAddressSet { get { return parsed.Get(3, RemoteAddresses, AddressSet.Parse); } }

        /// <summary>The ports of the listener.</summary>
        public PortSet ListenerPortSet { get { return Inbound ? LocalPortSet : RemotePortSet; } }

        public bool HasPorts()
        {
            return Protocol == Tcp || Protocol == Udp;
        }

        public bool HasIcmpTypes()
        {
            return Protocol == Icmp || Protocol == Icmpv6;
        }

        public bool NamesPeople()
        {
            return !String.IsNullOrEmpty(LocalUsers + RemoteUsers + RemoteComputers + Owner + Package);
        }

        /// <summary>
        /// The same text for rules with the same effect, in whatever notation and language Windows reads them back:
        /// without name, description and state.
        /// </summary>
        public string GetEffect()
        {
            return effect = effect ?? Join(Grouping, Inbound ? "in" : "out", Allow ? "allow" : "block",
                "protocol=" + Format(Protocol),
                "local=" + LocalPortSet.ToCanonicalText(), "remote=" + RemotePortSet.ToCanonicalText() + " at "
                + RemoteAddressSet.ToCanonicalText(), "edge=" + Format(EdgeTraversal), GetLimits());
        }

        /// <summary>What limits the rule beyond peers, protocol and ports.</summary>
        public string GetLimits()
        {
            return Join("at " + LocalAddressSet.ToCanonicalText(), "profiles=" + Format(Profiles & ProfileBits),
                "types=" + (HasIcmpTypes() ? NormaliseIcmpTypes(IcmpTypes) : "*"),
                "interfaces=" + Interfaces + " " + NormaliseInterfaceTypes(InterfaceTypes),
                "program=" + (Application ?? "").ToLowerInvariant(), "service=" + (Service ?? "").ToLowerInvariant(),
                "security=" + Format(SecureFlags),
                "people=" + (NamesPeople() ? Join(LocalUsers, RemoteUsers, RemoteComputers, Owner, Package) : ""));
        }

        static readonly string noLimits = new Rule().GetLimits();

        public bool HasLimits()
        {
            return GetLimits() != noLimits;
        }

        /// <summary>What portmatrix decides about a rule of its own; the same text for the same rule.</summary>
        public string GetManagedText()
        {
            return Join(Name, Description ?? "", Inbound ? "in" : "out", Allow ? "allow" : "block",
                "protocol=" + Format(Protocol), "local=" + LocalPortSet.ToCanonicalText(),
                "remote=" + RemotePortSet.ToCanonicalText() + " at " + RemoteAddressSet.ToCanonicalText(),
                "edge=" + Format(EdgeTraversal), Enabled ? "on" : "off");
        }

        /// <summary>
        /// Whether EXISTING is what this rule wants. Somebody may have limited it further, for example to an interface;
        /// it is kept then.
        /// </summary>
        public bool IsMetBy(Rule existing)
        {
            return !existing.Unreadable && GetManagedText() == existing.GetManagedText()
                && (!HasLimits() || GetLimits() == existing.GetLimits());
        }

        static string Join(params string[] parts)
        {
            return String.Join(" | ", parts);
        }

        static string Format(int number)
        {
            return number.ToString(CultureInfo.InvariantCulture);
        }

        public static string NormaliseIcmpTypes(string text)
        {
            return String.IsNullOrEmpty(text) || text == "*:*" ? "*" : text.TrimEnd(',');
        }

        public static string NormaliseInterfaceTypes(string text)
        {
            string[] types = (String.IsNullOrEmpty(text) ? "All" : text).ToLowerInvariant().Split(',');
            Array.Sort(types, StringComparer.Ordinal);
            return String.Join(",", types);
        }

        /// <summary>
        /// The same rule in a notation that Windows accepts: not all that it reads back can be written.
        /// </summary>
        public Rule Normalised()
        {
            Rule rule = RuleData.Parse(RuleData.Write(this), "rule");
            rule.LocalPorts = LocalPortSet.ToCanonicalText();
            rule.RemotePorts = RemotePortSet.ToCanonicalText();
            rule.LocalAddresses = LocalAddressSet.ToCanonicalText();
            rule.RemoteAddresses = RemoteAddressSet.ToCanonicalText();
            if (HasIcmpTypes()) rule.IcmpTypes = NormaliseIcmpTypes(IcmpTypes);
            if (String.IsNullOrEmpty(InterfaceTypes)) rule.InterfaceTypes = "All";
            return rule;
        }
    }
}
