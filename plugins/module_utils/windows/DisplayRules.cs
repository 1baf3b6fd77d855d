// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.AddressSets;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.FlowDescriptions;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Ports;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.DisplayRules
{
    /// <summary>A rule as it is displayed, the same on every platform (module_utils/_model/report.py).</summary>
    public class DisplayRule : IComparable<DisplayRule>
    {
        public const int MaxPeers = 8, MaxLines = 400;
        static readonly Dictionary<int, string> protocolNames = new Dictionary<int, string>
        {
            { 6, "tcp" }, { 17, "udp" }, { 132, "sctp" }, { 1, "icmp" }, { 58, "icmpv6" }, { 50, "esp" }, { 51, "ah" },
            { 47, "gre" }, { 112, "vrrp" }, { 256, "any" },
        };

        public string Direction = "", Protocol = "", Ports = "";
        public List<string> Peers = new List<string>(), Flows = new List<string>();

        public string ToText()
        {
            int shown = Math.Min(MaxPeers, Peers.Count);
            string peers = Peers.Count == 0 ? "any" : String.Join(", ", Peers.GetRange(0, shown).ToArray());
            if (Peers.Count > MaxPeers) peers += " and " + Format(Peers.Count - MaxPeers) + " more";
            string flows = Flows.Count == 0 ? "no flow of the catalogs" : String.Join(", ", Flows.ToArray());
            return Direction + " " + (Protocol + " " + Ports).Trim() + (Direction == "ingress" ? " from " : " to ")
                + peers + " (" + flows + ")";
        }

        /// <summary>Order by direction, protocol, ports, peers and flows, as Python sorts.</summary>
        public int CompareTo(DisplayRule other)
        {
            int order = String.CompareOrdinal(Direction, other.Direction);
            if (order == 0) order = String.CompareOrdinal(Protocol, other.Protocol);
            if (order == 0) order = String.CompareOrdinal(Ports, other.Ports);
            if (order == 0) order = CompareLists(Peers, other.Peers);
            return order == 0 ? CompareLists(Flows, other.Flows) : order;
        }

        static int CompareLists(List<string> a, List<string> b)
        {
            for (int i = 0; i < Math.Min(a.Count, b.Count); i++)
            {
                int order = String.CompareOrdinal(a[i], b[i]);
                if (order != 0) return order;
            }
            return a.Count.CompareTo(b.Count);
        }

        /// <summary>The same text for equal rules.</summary>
        public string GetKey()
        {
            string[] parts = { Direction, Protocol, Ports, JoinWords(Peers), JoinWords(Flows) };
            return String.Join("\t", parts);
        }

        static string JoinWords(List<string> words)
        {
            return String.Join(" ", words.ToArray());
        }

        public Dictionary<string, object> ToData()
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["direction"] = Direction;
            data["protocol"] = Protocol;
            data["ports"] = Ports;
            data["peers"] = new List<object>((Peers.Count == 0 ? new List<string> { "any" } : Peers).ToArray());
            data["flows"] = new List<object>(Flows.ToArray());
            return data;
        }

        static string Format(int number)
        {
            return number.ToString(CultureInfo.InvariantCulture);
        }

        /// <summary>
        /// One rule, sorted, for what the same flows allow to the same peers, with all ports. Disabled rules allow
        /// nothing. Three groupings: by (direction, protocol, port, flow, any) to collect the peers, then by peers to
        /// collect the flows, then by flows to collect the ports.
        /// </summary>
        public static List<DisplayRule> FromRules(IEnumerable<Rule> rules)
        {
            Dictionary<string, DisplayRule> atomicRules = new Dictionary<string, DisplayRule>(StringComparer.Ordinal);
            foreach (Rule rule in rules)
                if (rule.Enabled) AddAtomicRules(rule, atomicRules);
            return CollectPorts(CollectFlows(atomicRules.Values));
        }

        static IEnumerable<DisplayRule> CollectFlows(IEnumerable<DisplayRule> atomicRules)
        {
            Dictionary<string, DisplayRule> byPeers = new Dictionary<string, DisplayRule>(StringComparer.Ordinal);
            foreach (DisplayRule atomic in atomicRules)
            {
                atomic.Peers.Sort(ComparePeers);
                string peers = JoinWords(atomic.Peers);
                DisplayRule rule = GetOrAdd(byPeers, atomic.Direction, atomic.Protocol, atomic.Ports, peers,
                    atomic.Peers);
                foreach (string flow in atomic.Flows) if (!rule.Flows.Contains(flow)) rule.Flows.Add(flow);
            }
            return byPeers.Values;
        }

        static List<DisplayRule> CollectPorts(IEnumerable<DisplayRule> singlePortRules)
        {
            Dictionary<string, DisplayRule> byFlows = new Dictionary<string, DisplayRule>(StringComparer.Ordinal);
            Dictionary<string, List<string>> ports = new Dictionary<string, List<string>>(StringComparer.Ordinal);
            foreach (DisplayRule single in singlePortRules)
            {
                single.Flows.Sort(StringComparer.Ordinal);
                string key = JoinWords(single.Peers) + "\t" + JoinWords(single.Flows);
                DisplayRule rule = GetOrAdd(byFlows, single.Direction, single.Protocol, "", key, single.Peers);
                rule.Flows = single.Flows;
                if (!ports.ContainsKey(rule.GetKey())) ports[rule.GetKey()] = new List<string>();
                ports[rule.GetKey()].Add(single.Ports);
            }
            List<DisplayRule> rules = new List<DisplayRule>(byFlows.Values);
            foreach (DisplayRule rule in rules)
            {
                List<string> rulePorts = ports[rule.GetKey()];
                rulePorts.Sort(ComparePorts);
                rule.Ports = String.Join(", ", rulePorts.ToArray());
            }
            rules.Sort();
            return rules;
        }

        /// <summary>Add what RULE allows, in rules of one port and at most one flow.</summary>
        static void AddAtomicRules(Rule rule, Dictionary<string, DisplayRule> atomicRules)
        {
            List<string> flows = FlowDescription.GetFlows(rule),
                cidrs = AddressSet.Parse(rule.RemoteAddresses).ToCidrs();
            string portText = rule.HasPorts() ? (rule.Inbound ? rule.LocalPorts : rule.RemotePorts) : "";
            List<string> ports = PortSet.Parse(portText).ToParts();
            if (ports.Count == 0) ports.Add("");
            if (flows.Count == 0) flows.Add("");
            string direction = rule.Inbound ? "ingress" : "egress";
            string protocol = protocolNames.ContainsKey(rule.Protocol)
                ? protocolNames[rule.Protocol] : Format(rule.Protocol);
            foreach (string port in ports)
                foreach (string flow in flows)
                {
                    string key = flow + "\t" + (cidrs.Count == 0 ? "any" : "");
                    DisplayRule atomic = GetOrAdd(atomicRules, direction, protocol, port, key, new List<string>());
                    if (flow.Length > 0 && atomic.Flows.Count == 0) atomic.Flows.Add(flow);
                    Dictionary<string, bool> known = new Dictionary<string, bool>(StringComparer.Ordinal);
                    foreach (string peer in atomic.Peers) known[peer] = true;
                    foreach (string cidr in cidrs) if (!known.ContainsKey(cidr)) atomic.Peers.Add(cidr);
                }
        }

        static DisplayRule GetOrAdd(Dictionary<string, DisplayRule> rules, string direction, string protocol,
            string ports, string key, List<string> peers)
        {
            DisplayRule rule;
            key = String.Join("\t", new string[] { direction, protocol, ports, key });
            if (rules.TryGetValue(key, out rule)) return rule;
            rule = new DisplayRule();
            rule.Direction = direction;
            rule.Protocol = protocol;
            rule.Ports = ports;
            rule.Peers = peers;
            rules[key] = rule;
            return rule;
        }

        static int ComparePeers(string a, string b)
        {
            Interval first, second;
            if (!AddressSet.TryParseInterval(a, out first) || !AddressSet.TryParseInterval(b, out second))
                return String.CompareOrdinal(a, b);
            int order = first.First.CompareTo(second.First);
            return order != 0 ? order : first.Last.CompareTo(second.Last);
        }

        static int ComparePorts(string a, string b)
        {
            string[] first = a.Split('-'), second = b.Split('-');
            int x, y, order = 0;
            for (int i = 0; i < Math.Min(first.Length, second.Length) && order == 0; i++)
                order = Int32.TryParse(first[i], out x) && Int32.TryParse(second[i], out y)
                    ? x.CompareTo(y) : String.CompareOrdinal(first[i], second[i]);
            return order == 0 ? first.Length.CompareTo(second.Length) : order;
        }
    }
}
