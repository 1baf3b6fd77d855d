using System;
using System.Collections.Generic;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>
    /// Requests for policy documents that were made at random. The controller makes them in Python (wire.py), whose
    /// requests the scenarios run.
    /// </summary>
    public static class Documents
    {
        static readonly Dictionary<string, int> protocols = new Dictionary<string, int>
        {
            { "tcp", 6 }, { "udp", 17 }, { "icmp", 1 }, { "icmpv6", 58 }, { "esp", 50 }, { "gre", 47 }, { "vrrp", 112 },
        };

        /// <summary>The request for DOCUMENT; null is state absent.</summary>
        public static Request CreateRequest(Dictionary<string, object> document, bool check, int seconds)
        {
            Request request = new Request { Check = check, ConfirmTimeout = seconds, Port = 5985 };
            request.Transport = Listener.WinRm;
            request.Token = "the-token";
            request.Program = "program";
            request.State = document == null ? "absent" : "enforced";
            if (document != null) request.Policy = new WantedPolicy(Convert(document));
            return request;
        }

        static Fields Convert(Dictionary<string, object> document)
        {
            Dictionary<string, object> management = (Dictionary<string, object>)document["management"];
            List<object> lists = new List<object>(), rules = new List<object>(),
                sources = (List<object>)management["sources"];
            Dictionary<string, object> groups = (Dictionary<string, object>)document["groups"];
            Dictionary<string, bool> known = new Dictionary<string, bool>();
            foreach (Dictionary<string, object> rule in (List<object>)document["rules"])
            {
                List<object> converted = ConvertRule(rule, groups, lists);
                if (converted != null && !known.ContainsKey((string)converted[0])) rules.Add(converted);
                if (converted != null) known[(string)converted[0]] = true;
            }
            bool any = sources.Count == 1 && (string)sources[0] == "any";
            Dictionary<string, object> policy = new Dictionary<string, object>();
            policy["digest"] = Memory.ComputeHash(JsonWriter.Serialize(document));
            policy["egress"] = document["egress"];
            policy["exclusive"] = document["exclusive"];
            policy["log_denied"] = document.ContainsKey("log_denied") && (bool)document["log_denied"];
            policy["management"] = new Dictionary<string, object>
            {
                { "declared", !management.ContainsKey("declared") || (bool)management["declared"] },
                { "ports", ((List<object>)management["ports"]).ConvertAll<object>(
                    delegate(object port) { return port.ToString(); }) },
                { "rules", new List<object> { new List<object> { "portmatrix/management in tcp",
                    "Flows: management. Source: management access", (long)(any ? -1 : AddList(lists, sources)) } } },
            };
            policy["addresses"] = lists;
            policy["rules"] = rules;
            return Fields.Parse(JsonWriter.Serialize(policy), "policy", WantedPolicy.Keys);
        }

        static int AddList(List<object> lists, List<object> peers)
        {
            string text = String.Join(",", peers.ConvertAll<string>(System.Convert.ToString).ToArray());
            lists.Add(new List<object>(AddressSet.Parse(text).ToCidrs().ToArray()));
            return lists.Count - 1;
        }

        /// <summary>Null where no peer is of a family that the protocol has.</summary>
        static List<object> ConvertRule(Dictionary<string, object> rule, Dictionary<string, object> groups,
            List<object> lists)
        {
            string protocol = (string)rule["protocol"], group = (string)rule["group"];
            List<object> peers = group == null ? null : ((List<object>)groups[group]).FindAll(delegate(object peer)
            {
                bool v6 = ((string)peer).IndexOf(':') >= 0;
                return !(v6 ? protocol == "icmp" : protocol == "icmpv6");
            });
            if (peers != null && peers.Count == 0) return null;
            long index = peers == null ? -1 : AddList(lists, peers);
            string direction = (string)rule["direction"] == "ingress" ? "in" : "out",
                flow = (string)((List<object>)rule["flows"])[0];
            string ports = String.Join(",",
                ((List<object>)rule["ports"]).ConvertAll<string>(System.Convert.ToString).ToArray());
            if (ports.Length > 0) ports = PortSet.Parse(ports).ToCanonicalText();
            string digest = Memory.ComputeHash(ports + (peers == null
                ? "" : JsonWriter.Serialize(lists[(int)index]))).Substring(0, 8);
            string name = "portmatrix/" + flow + " " + direction + " " + protocol + " " + digest;
            return new List<object>
            {
                name, "Flows: " + flow + ". Source: Ports, row 1", direction, (long)protocols[protocol], ports, index,
            };
        }
    }
}
