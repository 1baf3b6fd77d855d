// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Addresses;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.AddressSets;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Ports;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Words
{
    /// <summary>A rule in the words that module_utils/_model/report.py has for it on every platform.</summary>
    public class Line : IComparable<Line>
    {
        public const int MostPeers = 8, MostLines = 400;
        static readonly Dictionary<int, string> protocols = new Dictionary<int, string>
        {
            { 6, "tcp" }, { 17, "udp" }, { 132, "sctp" }, { 1, "icmp" }, { 58, "icmpv6" }, { 50, "esp" }, { 51, "ah" }, { 47, "gre" }, { 112, "vrrp" },
                { 256, "any" },
        };

        public string Direction = "", Protocol = "", Ports = "";
        public List<string> Peers = new List<string>(), Flows = new List<string>();

        public string Text()
        {
            string peers = Peers.Count == 0 ? "any" : String.Join(", ", Peers.GetRange(0, Math.Min(MostPeers, Peers.Count)).ToArray());
            if (Peers.Count > MostPeers) peers += " and " + Number(Peers.Count - MostPeers) + " more";
            string flows = Flows.Count == 0 ? "no flow of the catalogs" : String.Join(", ", Flows.ToArray());
            return Direction + " " + (Protocol + " " + Ports).Trim() + (Direction == "ingress" ? " from " : " to ") + peers + " (" + flows + ")";
        }

        /// <summary>By direction, protocol, ports, peers and flows, as Python sorts.</summary>
        public int CompareTo(Line other)
        {
            int order = String.CompareOrdinal(Direction, other.Direction);
            if (order == 0) order = String.CompareOrdinal(Protocol, other.Protocol);
            if (order == 0) order = String.CompareOrdinal(Ports, other.Ports);
            if (order == 0) order = Compare(Peers, other.Peers);
            return order == 0 ? Compare(Flows, other.Flows) : order;
        }

        static int Compare(List<string> a, List<string> b)
        {
            for (int i = 0; i < Math.Min(a.Count, b.Count); i++)
            {
                int order = String.CompareOrdinal(a[i], b[i]);
                if (order != 0) return order;
            }
            return a.Count.CompareTo(b.Count);
        }

        public string Key()
        {
            return String.Join("\t", new string[] { Direction, Protocol, Ports, String.Join(" ", Peers.ToArray()), String.Join(" ", Flows.ToArray()) });
        }

        public Dictionary<string, object> ToData()
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            data["direction"] = Direction;
            data["protocol"] = Protocol;
            data["ports"] = Ports;
            data["peers"] = new List<object>((Peers.Count == 0 ? new List<string> { "any" } : Peers).ToArray());
            data["flows"] = new List<object>(Flows.ToArray());
            data["source_port"] = false;
            return data;
        }

        static string Number(int number)
        {
            return number.ToString(CultureInfo.InvariantCulture);
        }

        /// <summary>One line for what the same flows open to the same peers, all ports together, sorted. Disabled rules open nothing.</summary>
        public static List<Line> Of(IEnumerable<Rule> rules)
        {
            // (direction, protocol, port, flow, any) -> peers; then the same with peers -> flows; then with flows -> ports
            Dictionary<string, Line> peers = new Dictionary<string, Line>(StringComparer.Ordinal);
            foreach (Rule rule in rules)
                if (rule.Enabled) Grants(rule, peers);
            Dictionary<string, Line> flows = new Dictionary<string, Line>(StringComparer.Ordinal);
            foreach (Line grant in peers.Values)
            {
                grant.Peers.Sort(Order);
                Line line = Take(flows, grant.Direction, grant.Protocol, grant.Ports, String.Join(" ", grant.Peers.ToArray()), grant.Peers);
                foreach (string flow in grant.Flows) if (!line.Flows.Contains(flow)) line.Flows.Add(flow);
            }
            Dictionary<string, Line> ports = new Dictionary<string, Line>(StringComparer.Ordinal);
            Dictionary<string, List<string>> all = new Dictionary<string, List<string>>(StringComparer.Ordinal);
            foreach (Line grant in flows.Values)
            {
                grant.Flows.Sort(StringComparer.Ordinal);
                string key = String.Join(" ", grant.Peers.ToArray()) + "\t" + String.Join(" ", grant.Flows.ToArray());
                Line line = Take(ports, grant.Direction, grant.Protocol, "", key, grant.Peers);
                line.Flows = grant.Flows;
                if (!all.ContainsKey(line.Key())) all[line.Key()] = new List<string>();
                all[line.Key()].Add(grant.Ports);
            }
            List<Line> lines = new List<Line>(ports.Values);
            foreach (Line line in lines)
            {
                List<string> found = all[line.Key()];
                found.Sort(PortOrder);
                line.Ports = String.Join(", ", found.ToArray());
            }
            lines.Sort();
            return lines;
        }

        static void Grants(Rule rule, Dictionary<string, Line> peers)
        {
            List<string> flows = Policy.Flows(rule), cidrs = AddressSet.Parse(rule.RemoteAddresses).Cidrs();
            List<string> ports = PortSet.Parse(rule.HasPorts() ? (rule.Inbound ? rule.LocalPorts : rule.RemotePorts) : "").Parts();
            if (ports.Count == 0) ports.Add("");
            if (flows.Count == 0) flows.Add("");
            string protocol = protocols.ContainsKey(rule.Protocol) ? protocols[rule.Protocol] : Number(rule.Protocol);
            foreach (string port in ports)
                foreach (string flow in flows)
                {
                    Line line = Take(peers, rule.Inbound ? "ingress" : "egress", protocol, port, flow + "\t" + (cidrs.Count == 0 ? "any" : ""),
                        new List<string>());
                    if (flow.Length > 0 && line.Flows.Count == 0) line.Flows.Add(flow);
                    Dictionary<string, bool> known = new Dictionary<string, bool>(StringComparer.Ordinal);
                    foreach (string peer in line.Peers) known[peer] = true;
                    foreach (string cidr in cidrs) if (!known.ContainsKey(cidr)) line.Peers.Add(cidr);
                }
        }

        static Line Take(Dictionary<string, Line> lines, string direction, string protocol, string ports, string key, List<string> peers)
        {
            Line line;
            key = String.Join("\t", new string[] { direction, protocol, ports, key });
            if (lines.TryGetValue(key, out line)) return line;
            line = new Line();
            line.Direction = direction;
            line.Protocol = protocol;
            line.Ports = ports;
            line.Peers = peers;
            lines[key] = line;
            return line;
        }

        static int Order(string a, string b)
        {
            Interval first, second;
            if (!AddressSet.TryInterval(a, out first) || !AddressSet.TryInterval(b, out second)) return String.CompareOrdinal(a, b);
            int order = first.First.CompareTo(second.First);
            return order != 0 ? order : first.Last.CompareTo(second.Last);
        }

        static int PortOrder(string a, string b)
        {
            string[] first = a.Split('-'), second = b.Split('-');
            int x, y, order = 0;
            for (int i = 0; i < Math.Min(first.Length, second.Length) && order == 0; i++)
                order = Int32.TryParse(first[i], out x) && Int32.TryParse(second[i], out y) ? x.CompareTo(y) : String.CompareOrdinal(first[i], second[i]);
            return order == 0 ? first.Length.CompareTo(second.Length) : order;
        }
    }
}
