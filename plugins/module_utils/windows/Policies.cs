// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.AddressSets;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.FlowDescriptions;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies
{
    /// <summary>
    /// The policy document of one host (format: module_utils/_model/policy.py) and the equivalent rules of Windows
    /// Firewall. plugin_utils/_action/windows/rules.py does the same on the controller; both pass the same test
    /// vectors.
    /// </summary>
    public class Policy
    {
        /// <summary>
        /// The group of all rules managed by portmatrix, and the flow of the rules that allow management.
        /// </summary>
        public const string GroupName = "portmatrix", GuardFlow = "management";
        /// <summary>Windows refuses rules with more addresses.</summary>
        public const int MaxAddresses = 1000;
        const int Format = 1;
        static readonly Dictionary<string, int> protocols = new Dictionary<string, int>
        {
            { "tcp", 6 }, { "udp", 17 }, { "sctp", 132 }, { "icmp", 1 }, { "icmpv6", 58 }, { "esp", 50 }, { "ah", 51 },
            { "gre", 47 }, { "vrrp", 112 },
        };

        readonly Dictionary<string, object> data;

        Policy(Dictionary<string, object> data)
        {
            this.data = data;
        }

        public bool DeniesEgress { get { return (string)data["egress"] == "deny"; } }

        public bool IsExclusive { get { return (bool)data["exclusive"]; } }

        /// <summary>The SHA-256 of the document's canonical form, the same on every platform.</summary>
        public string ComputeDigest()
        {
            byte[] canonical = Encoding.ASCII.GetBytes(JsonWriter.Serialize(data));
            using (SHA256 hash = SHA256.Create())
                return BitConverter.ToString(hash.ComputeHash(canonical)).Replace("-", "").ToLowerInvariant();
        }

        /// <summary>The policy in the JSON document TEXT. Raises PolicyException.</summary>
        public static Policy Parse(string text)
        {
            const string advice = "it must be the document from the action plugin portmatrix.firewall.policy";
            // a missing policy is an error, never an empty policy: that would remove every rule
            if (String.IsNullOrEmpty(text))
                throw new PolicyException("policy: must not be empty with state enforced; " + advice);
            Dictionary<string, object> data;
            try
            {
                data = JsonReader.Parse(text) as Dictionary<string, object>;
            }
            catch (FormatException error)
            {
                throw new PolicyException("policy: " + error.Message + "; " + advice, error);
            }
            if (data == null) throw new PolicyException("policy: not a JSON object; " + advice);
            object format;
            if (!data.TryGetValue("format", out format) || !(format is long) || (long)format != Format)
                throw new PolicyException("policy: format must be " + Format.ToString(CultureInfo.InvariantCulture)
                    + ", got " + (format ?? "none") + "; controller and module must be of the same version of "
                    + "portmatrix.firewall");
            foreach (string key in new string[] { "egress", "exclusive", "management", "groups", "rules", "citations" })
                if (!data.ContainsKey(key) || data[key] == null)
                    throw new PolicyException("policy: the key " + key + " is missing; the document is damaged; "
                        + advice);
            return new Policy(data);
        }

        public List<int> GetManagementPorts()
        {
            List<int> ports = new List<int>();
            foreach (object port in (List<object>)GetManagement()["ports"]) ports.Add((int)(long)port);
            return ports;
        }

        Dictionary<string, object> GetManagement()
        {
            return (Dictionary<string, object>)data["management"];
        }

        /// <summary>
        /// All rules, the guard for the management PORTS first. Raises PolicyException where Windows cannot express the
        /// policy.
        /// </summary>
        public List<Rule> BuildRules(IEnumerable<int> ports)
        {
            List<Rule> rules = new List<Rule>();
            Dictionary<string, int> nameCounts = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
            List<string> guardPorts = new List<string>();
            foreach (int port in ports) guardPorts.Add(port.ToString(CultureInfo.InvariantCulture));
            List<string> sources = ToTexts(GetManagement()["sources"]);
            List<string> guardFlows = new List<string> { GuardFlow };
            bool anySource = sources.Count == 1 && sources[0] == "any";
            AddRules(rules, nameCounts, "ingress", "tcp", guardPorts, anySource ? null : sources, guardFlows);
            Dictionary<string, object> groups = (Dictionary<string, object>)data["groups"];
            foreach (Dictionary<string, object> rule in (List<object>)data["rules"])
            {
                string group = (string)rule["group"];
                List<string> peers = group == null ? null : ToTexts(groups[group]);
                AddRules(rules, nameCounts, (string)rule["direction"], (string)rule["protocol"],
                    ToTexts(rule["ports"]), peers, ToTexts(rule["flows"]));
            }
            return rules;
        }

        static List<string> ToTexts(object list)
        {
            List<string> texts = new List<string>();
            foreach (object item in (List<object>)list) texts.Add((string)item);
            return texts;
        }

        void AddRules(List<Rule> rules, Dictionary<string, int> nameCounts, string direction, string protocol,
            List<string> ports, List<string> peers, List<string> flows)
        {
            bool inbound = direction == "ingress";
            if (!protocols.ContainsKey(protocol))
                throw new PolicyException(flows[0] + ": the protocol " + protocol
                    + " is not supported by this version of the module; update portmatrix.firewall");
            // plugin_utils/_action/windows/rules.py has the same message
            if (ports.Count > 0 && protocol != "tcp" && protocol != "udp")
                throw new PolicyException(flows[0] + ": Windows Firewall supports ports only for TCP and UDP, and "
                    + protocol + " without its ports would allow too much; "
                    + "remove the flow for this host, or use a tunnel for it");
            foreach (List<string> part in SplitPeers(direction, protocol, peers))
            {
                string title = GroupName + "/" + flows[0] + " " + (inbound ? "in " : "out ") + protocol;
                nameCounts[title] = nameCounts.ContainsKey(title) ? nameCounts[title] + 1 : 1;
                string number = nameCounts[title].ToString(CultureInfo.InvariantCulture);
                Rule rule = new Rule();
                rule.Name = nameCounts[title] == 1 ? title : title + " #" + number;
                rule.Description = FlowDescription.Build(flows, GetCitations(flows));
                rule.Grouping = GroupName;
                rule.Inbound = inbound;
                rule.Protocol = protocols[protocol];
                if (ports.Count > 0 && inbound) rule.LocalPorts = String.Join(",", ports.ToArray());
                if (ports.Count > 0 && !inbound) rule.RemotePorts = String.Join(",", ports.ToArray());
                if (part != null) rule.RemoteAddresses = String.Join(",", part.ToArray());
                rules.Add(rule);
            }
        }

        /// <summary>
        /// The peers of one rule in parts of at most MaxAddresses; a part that is null means every address. Peers of an
        /// address family that the protocol does not have are left out.
        /// </summary>
        static List<List<string>> SplitPeers(string direction, string protocol, List<string> peers)
        {
            List<List<string>> parts = new List<List<string>>();
            if (peers == null)
            {
                parts.Add(null);
                return parts;
            }
            if (peers.Count == 0)
                throw new PolicyException("policy: a rule has an empty list of peers, which Windows would read as "
                    + "every address; the document is damaged");
            List<string> ofFamily = new List<string>();
            foreach (string peer in peers)
            {
                bool v6 = peer.IndexOf(':') >= 0;
                if (v6 ? protocol == "icmp" || protocol == "ah" : protocol == "icmpv6") continue;
                ofFamily.Add(peer);
                // VRRP sends to its group address, not to the address of a peer
                // (RFC 9568, sections 5.1.1.2 and 5.1.2.2)
                if (protocol == "vrrp" && direction == "egress") ofFamily.Add(v6 ? "ff02::12/128" : "224.0.0.18/32");
            }
            List<string> all = ofFamily.Count == 0
                ? ofFamily : AddressSet.Parse(String.Join(",", ofFamily.ToArray())).ToCidrs();
            for (int start = 0; start < all.Count; start += MaxAddresses)
                parts.Add(all.GetRange(start, Math.Min(MaxAddresses, all.Count - start)));
            return parts;
        }

        /// <summary>The citations of FLOWS, without duplicates.</summary>
        List<string> GetCitations(List<string> flows)
        {
            Dictionary<string, object> citations = (Dictionary<string, object>)data["citations"];
            List<string> sources = new List<string>();
            foreach (string flow in flows)
            {
                List<string> cited = citations.ContainsKey(flow) ? ToTexts(citations[flow]) : new List<string>();
                // plugin_utils/_action/windows/rules.py has the same text
                if (flow == GuardFlow) cited = new List<string> { "management access" };
                foreach (string text in cited)
                    if (!sources.Contains(text)) sources.Add(text);
            }
            return sources;
        }
    }
}
