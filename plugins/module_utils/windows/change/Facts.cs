// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System.Collections.Generic;
    using System.Globalization;

    /// <summary>
    /// What the controller needs to know of a change to say it in words (plugin_utils/_action/windows/answers.py).
    /// </summary>
    public class Facts
    {
        /// <summary>More rules of others are only counted.</summary>
        const int MaxBlocking = 50;
        public readonly Dictionary<string, object> Values = new Dictionary<string, object>();
        readonly Machine machine;
        readonly State state;
        readonly WantedPolicy policy;

        public Facts(Machine machine, State state, WantedPolicy policy)
        {
            this.machine = machine;
            this.state = state;
            this.policy = policy;
            Values["addresses"] = machine.Host.GetOwnAddresses();
            Values["digest"] = policy == null ? "" : policy.Digest;
            Values["active_profiles"] = state.ActiveProfiles;
            Values["profiles_before"] = DescribeProfiles(state.Profiles);
            Values["unreadable"] = state.Unreadable.ConvertAll<object>(delegate(Rule rule) { return rule.Name; });
        }

        public void Set(string name, object value)
        {
            Values[name] = value;
        }

        static Dictionary<string, object> DescribeProfiles(Dictionary<int, Profile> profiles)
        {
            Dictionary<string, object> data = new Dictionary<string, object>();
            foreach (KeyValuePair<int, Profile> entry in profiles)
                data[entry.Key.ToString(CultureInfo.InvariantCulture)] = entry.Value.ToData();
            return data;
        }

        /// <summary>[name, description, in or out, protocol, ports, peers, enabled]</summary>
        static object DescribeRule(Rule rule)
        {
            return new List<object>
            {
                rule.Name, rule.Description, rule.Inbound ? "in" : "out", rule.Protocol,
                rule.HasPorts() ? rule.ListenerPortSet.ToCanonicalText() : "", rule.RemoteAddressSet.ToCanonicalText(),
                rule.Enabled && !rule.Unreadable,
            };
        }

        static List<object> DescribeRules(List<Rule> rules)
        {
            return rules.ConvertAll<object>(DescribeRule);
        }

        static object DescribeOther(Rule rule)
        {
            return new List<object> { rule.Name, rule.Inbound ? "in" : "out" };
        }

        public void SetManagement(List<Rule> rules, Dictionary<string, object> sources)
        {
            Values["management"] = DescribeRules(rules);
            Values["management_sources"] = sources;
        }

        public void SetConnections(string name, List<Connection> connections)
        {
            Values[name] =
                connections.ConvertAll<object>(delegate(Connection connection) { return connection.ToData(); });
        }

        /// <summary>The rules of others with these NAMES stay open, as nobody can disable them.</summary>
        public void SetFixed(List<string> names, bool changed)
        {
            Values["fixed"] = names;
            Values["changed"] = changed;
            object allowing;
            if (!Values.TryGetValue("allowing", out allowing)) return;
            foreach (List<object> other in (List<object>)allowing)
                if (names.Contains((string)other[0])) other[2] = false;
        }

        /// <summary>MANAGED is what the policy and the management rules want.</summary>
        public void AddPlan(Plan plan, Target target, List<Rule> managed)
        {
            Values["changed"] = plan.Operations.Count > 0;
            Values["profiles_after"] = DescribeProfiles(target.Profiles);
            Values["came"] = plan.Came.ConvertAll<object>(delegate(Rule rule) { return rule.Name; });
            Values["went"] = DescribeRules(plan.Went);
            Values["limited"] = plan.Limited;
            Values["enabled"] = target.RulesToEnable.ConvertAll<object>(DescribeOther);
            Values["disabled"] = target.RulesToDisable.FindAll(delegate(Rule rule)
            {
                return rule.Grouping == Others.CoreNetworking;
            }).ConvertAll<object>(DescribeOther);
            Values["came_back"] = target.CameBack;
            Values["not_found"] = target.NotFound;
            Values["fixed"] = target.Fixed;
            if (policy != null) AddOthers(target, managed);
        }

        void AddOthers(Target target, List<Rule> managed)
        {
            Set<Rule> disabled = new Set<Rule>(target.RulesToDisable);
            List<object> allowing = new List<object>(), blocking = new List<object>();
            List<Rule> closing = new List<Rule>(), staying = new List<Rule>();
            foreach (Rule rule in Others.FindAllowing(state, policy.DeniesEgress))
            {
                (disabled.Contains(rule) ? closing : staying).Add(rule);
                allowing.Add(new List<object> { rule.Name, rule.Inbound ? "in" : "out", disabled.Contains(rule) });
            }
            foreach (Rule rule in Others.FindBlocking(state))
            {
                List<Rule> restricted = Others.FindRestricted(rule, managed);
                if (restricted.Count == 0 || blocking.Count >= MaxBlocking) continue;
                blocking.Add(new List<object> { rule.Name, rule.Inbound ? "in" : "out",
                    restricted.ConvertAll<object>(delegate(Rule one) { return one.Name; }) });
            }
            Values["allowing"] = allowing;
            Values["blocking"] = blocking;
            Values["in_use"] = FindUsed(closing, staying, managed);
            Values["other_firewalls"] = machine.Host.GetOtherFirewalls();
            Values["forwarded_ports"] = machine.Host.GetForwardedPorts();
            List<string> excluded = new List<string>();
            foreach (int number in Profile.Numbers)
                foreach (string name in machine.Store.GetExcludedInterfaces(number))
                    if (!excluded.Contains(name)) excluded.Add(name);
            Values["excluded_interfaces"] = excluded;
        }

        /// <summary>
        /// Listeners, and who is connected to them, that only CLOSING allows: [port, peer or nothing].
        /// </summary>
        List<object> FindUsed(List<Rule> closing, List<Rule> staying, List<Rule> managed)
        {
            List<object> used = new List<object>();
            if (closing.Count == 0) return used;
            Dictionary<int, string> peers = new Dictionary<int, string>();
            foreach (Connection connection in machine.Host.GetEstablishedConnections())
                if (connection.Inbound) peers[connection.Port] = connection.Peer;
            foreach (int port in machine.Host.GetListeningPorts())
                if (closing.Exists(delegate(Rule rule) { return Opens(rule, port); })
                    && !staying.Exists(delegate(Rule rule) { return Opens(rule, port); })
                    && !managed.Exists(delegate(Rule rule) { return Opens(rule, port); }))
                    used.Add(new List<object> { port, peers.ContainsKey(port) ? peers[port] : "" });
            return used;
        }

        static bool Opens(Rule rule, int port)
        {
            return rule.Inbound && (rule.Protocol == Rule.Tcp || rule.Protocol == Rule.AnyProtocol)
                && rule.ListenerPortSet.Contains(port);
        }

        /// <summary>The answer of state gathered.</summary>
        public static Dictionary<string, object> Gather(Machine machine)
        {
            Memory memory = Records.ReadMemory(machine.Folder);
            State state = Observer.Observe(machine, memory.GetSwitched());
            Facts facts = new Facts(machine, state, null);
            facts.Set("version", machine.Host.GetVersion());
            facts.Set("active", state.IsOn());
            facts.Set("rules", DescribeRules(state.Managed));
            bool intact = state.Managed.Count > 0 && memory.ManagedDigest == Memory.ComputeDigest(state.Managed);
            facts.Set("enforced", intact && memory.IsInForce(state) && !Obstacles.AreInTheWay(machine.Store, state));
            return facts.Values;
        }
    }
}
