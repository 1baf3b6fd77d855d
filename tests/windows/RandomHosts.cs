using System;
using System.Collections.Generic;
using System.Net;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>Creates random policies and hosts, the same for the same seed.</summary>
    public class RandomHosts
    {
        public const string Controller = "198.51.100.1";
        static readonly string[] protocols = { "tcp", "tcp", "tcp", "udp", "icmp", "icmpv6", "esp", "gre", "vrrp" };
        readonly Random random;

        public RandomHosts(int seed)
        {
            random = new Random(seed);
        }

        public bool IsChosen(int outOf) { return random.Next(outOf) == 0; }

        public int Choose(int below) { return random.Next(below); }

        /// <summary>A policy whose guard allows the controller unless WITHOUTCONTROLLER.</summary>
        public Dictionary<string, object> CreatePolicy(bool withoutController)
        {
            Dictionary<string, object> groups = new Dictionary<string, object>();
            Dictionary<string, object> citations = new Dictionary<string, object>();
            for (int i = random.Next(5); i >= 0; i--)
                groups["group " + i] = CreateAddresses(1 + random.Next(IsChosen(12) ? 999 : 8));
            bool deny = IsChosen(2);
            List<object> rules = new List<object>();
            for (int i = random.Next(8); i > 0; i--)
                rules.Add(CreateRule(i, deny, new List<string>(groups.Keys), citations));
            Dictionary<string, object> management = new Dictionary<string, object>();
            Dictionary<string, object> policy = new Dictionary<string, object>();
            string source = withoutController ? "192.0.2.0/24" : IsChosen(3) ? "any"
                : IsChosen(2) ? Controller + "/32" : "198.51.100.0/24";
            management["sources"] = new List<object> { source };
            management["declared"] = withoutController || !IsChosen(3);
            management["ports"] = IsChosen(3) ? new List<object> { (long)8022 } : new List<object>();
            policy["format"] = 1L;
            policy["egress"] = deny ? "deny" : "allow";
            policy["exclusive"] = IsChosen(3);
            policy["log_denied"] = IsChosen(4);
            policy["management"] = management;
            policy["groups"] = groups;
            policy["rules"] = rules;
            policy["citations"] = citations;
            return policy;
        }

        /// <summary>
        /// A policy with the groups of POLICY, and some of its rules: others come in front, and peers change places.
        /// </summary>
        public Dictionary<string, object> CreateRelatedPolicy(Dictionary<string, object> policy)
        {
            Dictionary<string, object> related = CreatePolicy(false);
            Dictionary<string, object> groups = (Dictionary<string, object>)policy["groups"];
            List<string> names = new List<string>(groups.Keys);
            Dictionary<string, object> citations = (Dictionary<string, object>)related["citations"];
            bool deny = (string)related["egress"] == "deny";
            List<object> rules = new List<object>();
            for (int i = random.Next(3); i > 0; i--) rules.Add(CreateRule(i, deny, names, citations));
            foreach (Dictionary<string, object> rule in (List<object>)policy["rules"])
            {
                if (IsChosen(4) || (!deny && (string)rule["direction"] == "egress")) continue;
                Dictionary<string, object> copy = new Dictionary<string, object>(rule);
                if (IsChosen(4)) copy["group"] = names[random.Next(names.Count)];
                foreach (object flow in (List<object>)copy["flows"])
                    citations[(string)flow] = new List<object> { "Ports, row 1" };
                rules.Add(copy);
            }
            related["groups"] = groups;
            related["rules"] = rules;
            return related;
        }

        Dictionary<string, object> CreateRule(int index, bool deny, List<string> groups,
            Dictionary<string, object> citations)
        {
            Dictionary<string, object> rule = new Dictionary<string, object>();
            string protocol = protocols[random.Next(protocols.Length)];
            string flow = "product/flow-" + (IsChosen(4) ? 0 : index);
            List<object> ports = new List<object>();
            int port = 1 + random.Next(1000);
            for (int i = 1 + random.Next(4); i > 0 && (protocol == "tcp" || protocol == "udp"); i--)
            {
                int width = IsChosen(3) ? random.Next(50) : 0;
                ports.Add(width == 0 ? port.ToString() : port + "-" + (port + width));
                port += width + 2 + random.Next(500);
            }
            rule["direction"] = deny && IsChosen(2) ? "egress" : "ingress";
            rule["protocol"] = protocol;
            rule["ports"] = ports;
            rule["group"] = IsChosen(5) ? null : groups[random.Next(groups.Count)];
            rule["flows"] = new List<object> { flow };
            citations[flow] = new List<object> { "Ports, table | of " + index + ", row \u00e9" };
            return rule;
        }

        List<object> CreateAddresses(int count)
        {
            SortedDictionary<string, bool> cidrs = new SortedDictionary<string, bool>(StringComparer.Ordinal);
            while (cidrs.Count < count)
            {
                byte[] bytes = new byte[IsChosen(3) ? 16 : 4];
                random.NextBytes(bytes);
                bytes[0] = (byte)(bytes.Length == 4 ? 10 : 0x20);
                int width = bytes.Length * 8, prefix = IsChosen(2) ? width : width - random.Next(16);
                for (int bit = prefix; bit < width; bit++) bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
                if (bytes.Length == 4 && bytes[3] == 0 && prefix == 32) bytes[3] = 1;
                cidrs[new IPAddress(bytes) + "/" + prefix] = true;
            }
            return new List<object>(new List<string>(cidrs.Keys).ToArray());
        }

        /// <summary>
        /// Random settings and rules not managed by portmatrix; one of them, or the default, allows management.
        /// </summary>
        public void FillHost(HostileStore store, PretendHost host)
        {
            store.ActiveProfiles = new int[] { 1, 2, 4, 5 }[random.Next(4)];
            foreach (int number in Profile.Numbers)
            {
                store.Profiles[number].Enabled = !IsChosen(4);
                store.Profiles[number].BlockInbound = !IsChosen(4);
                store.Profiles[number].BlockOutbound = IsChosen(8);
            }
            const string core = "@FirewallAPI.dll,-25000";
            store.Rules.Add(
                CreateOtherRule("Windows Remote Management (HTTP-In)", true, true, true, 6, "5985,5986", "*",
                    "@WinRM"));
            // as Windows ships it
            store.Rules[0].Rule.Application = "System";
            store.Rules.Add(
                CreateOtherRule("Core Networking - DNS (UDP-Out)", false, true, !IsChosen(3), 17, "53", "*", core));
            store.Rules.Add(CreateOtherRule("Core Networking - ICMPv6 (In)", true, true, true, 58, "*", "*", core));
            for (int i = random.Next(6); i > 0; i--)
                {
                string name = IsChosen(3) ? "the same name" : "other " + i;
                bool inbound = IsChosen(2), allow = !IsChosen(4), enabled = !IsChosen(3);
                string port = (2000 + random.Next(500)).ToString();
                string peers = IsChosen(2) ? "*" : "203.0.113.0/24", group = IsChosen(2) ? "" : "@Custom";
                store.Rules.Add(CreateOtherRule(name, inbound, allow, enabled, 6, port, peers, group));
            }
            store.Rules.Add(CreateOtherRule("an application is blocked", true, false, true, 256, "*", "*", ""));
            store.Rules[store.Rules.Count - 1].Rule.Application = @"C:\games\game.exe";
            host.ListeningPorts.AddRange(new int[] { 135, 445, 5985, 3389 });
            host.Connections.Add(new Connection { Peer = Controller, Port = 5985, PeerPort = 50000 });
        }

        public static StoredRule CreateOtherRule(string name, bool inbound, bool allow, bool enabled, int protocol,
            string ports, string peers, string group)
        {
            Rule rule = new Rule { Name = name, Grouping = group, Inbound = inbound, Allow = allow, Enabled = enabled };
            rule.Protocol = protocol;
            rule.RemoteAddresses = peers;
            if (inbound) rule.LocalPorts = ports;
            else rule.RemotePorts = ports;
            return new StoredRule { Rule = rule };
        }

    }
}
