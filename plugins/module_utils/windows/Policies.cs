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
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies
{
    /// <summary>
    /// The policy document of one host (module_utils/_model/policy.py gives its form) and the rules of Windows Firewall that say the same.
    /// plugin_utils/_action/windows/rules.py does it on the controller; both answer the same test vectors.
    /// </summary>
    public class Policy
    {
        public const string Mark = "portmatrix", Guard = "management";
        /// <summary>Windows refuses rules with more addresses.</summary>
        public const int MostAddresses = 1000;
        const int Format = 1;
        static readonly Dictionary<string, int> protocols = new Dictionary<string, int>
        {
            { "tcp", 6 }, { "udp", 17 }, { "sctp", 132 }, { "icmp", 1 }, { "icmpv6", 58 }, { "esp", 50 }, { "ah", 51 }, { "gre", 47 }, { "vrrp", 112 },
        };

        readonly Dictionary<string, object> data;

        Policy(Dictionary<string, object> data)
        {
            this.data = data;
        }

        public bool DeniesEgress { get { return (string)data["egress"] == "deny"; } }

        public bool Exclusive { get { return (bool)data["exclusive"]; } }

        /// <summary>The SHA-256 of the document's canonical form, the same on every platform.</summary>
        public string Digest()
        {
            using (SHA256 hash = SHA256.Create())
                return BitConverter.ToString(hash.ComputeHash(Encoding.ASCII.GetBytes(JsonWriter.Text(data)))).Replace("-", "").ToLowerInvariant();
        }

        /// <summary>The policy in the JSON document TEXT. Raises PolicyException.</summary>
        public static Policy Parse(string text)
        {
            const string advice = "the document that the action plugin portmatrix.firewall.policy makes";
            // an absent policy is an error, never an empty one: that would remove every rule
            if (String.IsNullOrEmpty(text)) throw new PolicyException("policy: state enforced needs " + advice);
            Dictionary<string, object> data;
            try
            {
                data = JsonReader.Parse(text) as Dictionary<string, object>;
            }
            catch (FormatException error)
            {
                throw new PolicyException("policy: " + error.Message + "; it must be " + advice, error);
            }
            if (data == null) throw new PolicyException("policy: this is no JSON object; it must be " + advice);
            object format;
            if (!data.TryGetValue("format", out format) || !(format is long) || (long)format != Format)
                throw new PolicyException("policy format " + format
                    + " is unknown here; controller and module must come from one version of portmatrix.firewall");
            foreach (string key in new string[] { "egress", "exclusive", "management", "groups", "rules", "citations" })
                if (!data.ContainsKey(key) || data[key] == null) throw new PolicyException("policy: the key " + key + " is missing; the document is damaged");
            return new Policy(data);
        }

        public List<int> ManagementPorts()
        {
            List<int> found = new List<int>();
            foreach (object port in (List<object>)Management()["ports"]) found.Add((int)(long)port);
            return found;
        }

        Dictionary<string, object> Management()
        {
            return (Dictionary<string, object>)data["management"];
        }

        /// <summary>All rules, the guard for the management PORTS first. Raises PolicyException where Windows cannot say what the policy says.</summary>
        public List<Rule> Rules(IEnumerable<int> ports)
        {
            List<Rule> found = new List<Rule>();
            Dictionary<string, int> names = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
            List<string> spans = new List<string>();
            foreach (int port in ports) spans.Add(port.ToString(CultureInfo.InvariantCulture));
            List<string> sources = Texts(Management()["sources"]);
            List<string> guard = new List<string> { Guard };
            Add(found, names, "ingress", "tcp", spans, sources.Count == 1 && sources[0] == "any" ? null : sources, guard);
            Dictionary<string, object> groups = (Dictionary<string, object>)data["groups"];
            foreach (Dictionary<string, object> rule in (List<object>)data["rules"])
            {
                string group = (string)rule["group"];
                Add(found, names, (string)rule["direction"], (string)rule["protocol"], Texts(rule["ports"]), group == null ? null : Texts(groups[group]),
                    Texts(rule["flows"]));
            }
            return found;
        }

        static List<string> Texts(object list)
        {
            List<string> found = new List<string>();
            foreach (object item in (List<object>)list) found.Add((string)item);
            return found;
        }

        void Add(List<Rule> found, Dictionary<string, int> names, string direction, string protocol, List<string> ports, List<string> peers, List<string> flows)
        {
            bool inbound = direction == "ingress";
            if (!protocols.ContainsKey(protocol))
                throw new PolicyException(flows[0] + ": the protocol " + protocol + " is unknown to this version of the module");
            if (ports.Count > 0 && protocol != "tcp" && protocol != "udp")
                throw new PolicyException(flows[0] + ": Windows Firewall knows ports of TCP and UDP only, and " + protocol
                    + " without its ports would open too much; "
                    + "leave the flow out for this host, or let a tunnel carry it");
            foreach (List<string> part in Parts(direction, protocol, peers))
            {
                string title = Mark + "/" + flows[0] + " " + (inbound ? "in " : "out ") + protocol;
                names[title] = names.ContainsKey(title) ? names[title] + 1 : 1;
                Rule rule = new Rule();
                rule.Name = names[title] == 1 ? title : title + " #" + names[title].ToString(CultureInfo.InvariantCulture);
                rule.Description = Description(flows);
                rule.Grouping = Mark;
                rule.Inbound = inbound;
                rule.Protocol = protocols[protocol];
                if (ports.Count > 0 && inbound) rule.LocalPorts = String.Join(",", ports.ToArray());
                if (ports.Count > 0 && !inbound) rule.RemotePorts = String.Join(",", ports.ToArray());
                if (part != null) rule.RemoteAddresses = String.Join(",", part.ToArray());
                found.Add(rule);
            }
        }

        /// <summary>The peers of one rule in parts that Windows takes; one null is every address. Peers of a family that the protocol has not are left
        /// out.</summary>
        static List<List<string>> Parts(string direction, string protocol, List<string> peers)
        {
            List<List<string>> parts = new List<List<string>>();
            if (peers == null)
            {
                parts.Add(null);
                return parts;
            }
            if (peers.Count == 0)
                throw new PolicyException("policy: a rule has an empty list of peers, which Windows would take for every address; the document is damaged");
            List<string> fitting = new List<string>();
            foreach (string peer in peers)
            {
                bool v6 = peer.IndexOf(':') >= 0;
                if (v6 ? protocol == "icmp" || protocol == "ah" : protocol == "icmpv6") continue;
                fitting.Add(peer);
                // VRRP speaks to its group address, not to the address of a peer (RFC 9568, sections 5.1.1.2 and 5.1.2.2)
                if (protocol == "vrrp" && direction == "egress") fitting.Add(v6 ? "ff02::12/128" : "224.0.0.18/32");
            }
            List<string> all = fitting.Count == 0 ? fitting : AddressSet.Parse(String.Join(",", fitting.ToArray())).Cidrs();
            for (int start = 0; start < all.Count; start += MostAddresses) parts.Add(all.GetRange(start, Math.Min(MostAddresses, all.Count - start)));
            return parts;
        }

        string Description(List<string> flows)
        {
            const int most = 2000;
            Dictionary<string, object> citations = (Dictionary<string, object>)data["citations"];
            List<string> sources = new List<string>();
            foreach (string flow in flows)
            {
                List<string> cited = citations.ContainsKey(flow) ? Texts(citations[flow]) : new List<string>();
                foreach (string text in flow == Guard ? new List<string> { "the way in for management" } : cited)
                    if (!sources.Contains(text)) sources.Add(text);
            }
            string source = Plain(String.Join("; ", sources.ToArray()));
            return "Flows: " + String.Join(", ", flows.ToArray()) + ". Source: " + (source.Length > most ? source.Substring(0, most) + "..." : source);
        }

        /// <summary>Without what Windows forbids in descriptions, and without what would be rewritten.</summary>
        static string Plain(string text)
        {
            StringBuilder plain = new StringBuilder();
            foreach (char letter in text) plain.Append(letter == '|' ? '/' : letter < ' ' ? ' ' : letter);
            return plain.ToString().Trim();
        }

        /// <summary>The flows that the description of a rule of ours names.</summary>
        public static List<string> Flows(Rule rule)
        {
            const string start = "Flows: ", end = ". Source: ";
            string text = rule.Description ?? "";
            int stop = text.IndexOf(end, StringComparison.Ordinal);
            List<string> found = new List<string>();
            if (text.StartsWith(start, StringComparison.Ordinal) && stop > 0)
                found.AddRange(text.Substring(start.Length, stop - start.Length).Split(new string[] { ", " }, StringSplitOptions.None));
            return found;
        }
    }
}
