// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Globalization;

    /// <summary>How administrators reach this host: ports with a listener, and connections that stand now.</summary>
    public class Management
    {
        /// <summary>SSH, RDP, WinRM.</summary>
        static readonly int[] wellKnownPorts = { 22, 3389, 5985, 5986 };
        const string RulePrefix = "portmatrix/management ";
        public readonly List<int> Ports = new List<int>();
        /// <summary>Standing connections by which the controller may reach the host.</summary>
        public readonly List<Connection> Connections = new List<Connection>();
        /// <summary>Whether the connection of this run is known for certain.</summary>
        public readonly bool IsOwnKnown;
        readonly Request request;

        public Management(IHost host, Request request)
        {
            this.request = request;
            SortedDictionary<int, bool> ports = new SortedDictionary<int, bool>();
            foreach (int port in host.GetListeningPorts())
                if (Array.IndexOf(wellKnownPorts, port) >= 0 || port == request.Port) ports[port] = true;
            Connection own = host.GetOwnConnection();
            IsOwnKnown = own != null;
            if (own != null) Connections.Add(own);
            else
                foreach (Connection connection in host.GetEstablishedConnections())
                {
                    // one to another port is somebody else's; where a port is forwarded, ours cannot be seen
                    if (!connection.Inbound || connection.Port != request.Port) continue;
                    connection.Listener = GetListener(connection.Port);
                    Connections.Add(connection);
                }
            foreach (Connection connection in Connections) ports[connection.Port] = true;
            Ports.AddRange(ports.Keys);
        }

        Listener GetListener(int port)
        {
            if (port == 5985 || port == 5986) return Listener.WinRm;
            if (port == 22) return Listener.Ssh;
            if (port == 3389) return Listener.RemoteDesktop;
            if (IsOwnKnown && port == Connections[0].Port) return Listener.Ssh;
            return port == request.Port ? request.Transport : Listener.Unknown;
        }

        public static bool IsManagementRule(Rule rule)
        {
            return rule.Grouping == Rule.ManagedGroup && rule.Name.StartsWith(RulePrefix, StringComparison.Ordinal);
        }

        /// <summary>
        /// The rules that keep management open: from the declared peers on every port that is open now or declared, or
        /// as the rules in force, and those that the change enables again, allow it. SOURCES receives, by port, from
        /// where; only where that is not everywhere. Raises Refusal where nothing would be kept open.
        /// </summary>
        public List<Rule> BuildRules(WantedPolicy policy, State state, List<Rule> enabledAgain, Matching matching,
            Dictionary<string, object> sources)
        {
            SortedDictionary<int, List<Rule>> present = new SortedDictionary<int, List<Rule>>();
            foreach (int port in Ports) present[port] = null;
            foreach (int port in policy.ManagementPorts) present[port] = null;
            if (present.Count == 0) throw new Refusal("no_management");
            List<Rule> inForce = new List<Rule>(state.GetAllRules());
            inForce.RemoveAll(delegate(Rule rule) { return !rule.Enabled; });
            inForce.AddRange(enabledAgain);
            foreach (int port in new List<int>(present.Keys))
                present[port] = FindPresent(policy.ManagementRules[0], state, inForce, matching, port);
            List<Rule> rules = policy.ManagementDeclared ? BuildDeclared(policy, present) : new List<Rule>();
            if (!policy.ManagementDeclared)
                foreach (KeyValuePair<int, List<Rule>> entry in present)
                {
                    rules.AddRange(entry.Value);
                    if (!entry.Value.Exists(IsEverywhere)) sources[Format(entry.Key)] = DescribeSources(entry.Value);
                }
            if (rules.Count == 0) throw new Refusal("management_nowhere", "ports", new List<int>(present.Keys));
            return rules;
        }

        /// <summary>A port whose own rule is off stays closed, unless the inventory names it.</summary>
        static List<Rule> BuildDeclared(WantedPolicy policy, SortedDictionary<int, List<Rule>> present)
        {
            List<string> ports = new List<string>();
            foreach (KeyValuePair<int, List<Rule>> entry in present)
                if (entry.Value.Count > 0 || policy.ManagementPorts.Contains(entry.Key)) ports.Add(Format(entry.Key));
            if (ports.Count == 0) return new List<Rule>();
            foreach (Rule rule in policy.ManagementRules)
                rule.LocalPorts = PortSet.Parse(String.Join(",", ports.ToArray())).ToCanonicalText();
            return policy.ManagementRules;
        }

        static bool IsEverywhere(Rule rule)
        {
            return rule.RemoteAddressSet.IsAny && !rule.HasLimits();
        }

        static string Format(int number)
        {
            return number.ToString(CultureInfo.InvariantCulture);
        }

        static List<string> DescribeSources(List<Rule> rules)
        {
            List<string> texts = new List<string>();
            foreach (Rule rule in rules)
                foreach (string text in rule.RemoteAddressSet.ToCanonicalText().Split(','))
                    if (!texts.Contains(text)) texts.Add(text == "*" ? "any" : text);
            return texts;
        }

        /// <summary>What allows PORT now, as rules like TEMPLATE: a default of ours never opens more.</summary>
        List<Rule> FindPresent(Rule template, State state, List<Rule> inForce, Matching matching, int port)
        {
            SortedDictionary<string, Rule> found = new SortedDictionary<string, Rule>(StringComparer.Ordinal);
            int openProfiles = 0;
            foreach (int number in Profile.Numbers)
                if (!state.Profiles[number].Enabled || !state.Profiles[number].BlockInbound) openProfiles |= number;
            if (openProfiles != 0) Add(found, CreateRule(template, port, openProfiles));
            Connection probe = new Connection { Port = port, Listener = GetListener(port) };
            foreach (Rule rule in inForce)
            {
                bool mayAllow = rule.Allow && !rule.Unreadable
                    && (rule.Grouping != Rule.ManagedGroup || IsManagementRule(rule));
                if (!mayAllow || !rule.RemotePortSet.IsAny()) continue;
                Match match = matching.CompareListener(rule, probe);
                // the program of a port that only the inventory knows is not known: its rule is copied with it
                bool isUnknown = match == Match.Maybe && probe.Listener == Listener.Unknown;
                if (match == Match.Yes || isUnknown) Add(found, Copy(template, port, rule, isUnknown));
            }
            AddStanding(found, template, port, matching, state.ActiveProfiles);
            List<Rule> rules = new List<Rule>(found.Values);
            Rule everywhere = rules.Find(IsEverywhere);
            if (everywhere != null) rules = new List<Rule> { everywhere };
            for (int i = 0; i < rules.Count; i++)
                rules[i].Name = template.Name + " " + Format(port) + (i == 0 ? "" : " #" + Format(i + 1));
            return rules;
        }

        static Rule CreateRule(Rule template, int port, int profiles)
        {
            bool all = (profiles & Rule.ProfileBits) == Rule.ProfileBits;
            return new Rule
            {
                Description = template.Description,
                Grouping = Rule.ManagedGroup,
                Protocol = Rule.Tcp,
                LocalPorts = Format(port),
                Profiles = all ? Rule.AllProfiles : profiles & Rule.ProfileBits,
            };
        }

        /// <summary>As wide as RULE, and with all that limits it, the program only if WITHPROGRAM.</summary>
        static Rule Copy(Rule template, int port, Rule rule, bool withProgram)
        {
            Rule copy = CreateRule(template, port, rule.Profiles);
            copy.RemoteAddresses = rule.RemoteAddressSet.ToCanonicalText();
            copy.LocalAddresses = rule.LocalAddressSet.ToCanonicalText();
            copy.InterfaceTypes = String.IsNullOrEmpty(rule.InterfaceTypes) ? "All" : rule.InterfaceTypes;
            copy.Interfaces = rule.Interfaces;
            copy.SecureFlags = rule.SecureFlags;
            copy.LocalUsers = rule.LocalUsers;
            copy.RemoteUsers = rule.RemoteUsers;
            copy.RemoteComputers = rule.RemoteComputers;
            copy.Owner = rule.Owner;
            copy.Package = rule.Package;
            if (!withProgram) return copy;
            copy.Application = rule.Application;
            copy.Service = rule.Service;
            return copy;
        }

        static void Add(SortedDictionary<string, Rule> found, Rule rule)
        {
            found[rule.RemoteAddressSet.ToCanonicalText() + " " + rule.GetLimits()] = rule;
        }

        /// <summary>
        /// A connection that stands is proof enough, whatever else is known of addresses and adapters.
        /// </summary>
        void AddStanding(SortedDictionary<string, Rule> found, Rule template, int port, Matching matching, int profiles)
        {
            foreach (Connection connection in Connections)
            {
                if (connection.Port != port) continue;
                bool covered = new List<Rule>(found.Values).Exists(delegate(Rule rule)
                {
                    bool allows = matching.Compare(rule, connection) == Match.Yes
                        && (rule.Profiles & profiles) == profiles;
                    // who came in by authentication is not let in without it
                    return allows || rule.NamesPeople() || rule.SecureFlags != 0;
                });
                Address peer;
                if (covered || !Address.TryParse(connection.Peer, out peer)) continue;
                Rule standing = CreateRule(template, port, profiles);
                standing.RemoteAddresses = AddressSet.Parse(connection.Peer).ToCanonicalText();
                Add(found, standing);
            }
        }
    }
}
