// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.FormerStates;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations
{
    /// <summary>Reads a host; changes nothing.</summary>
    public static class Observer
    {
        /// <summary>Ports that count as management where they have a listener: SSH, RDP, WinRM.</summary>
        static readonly int[] wellKnownManagementPorts = { 22, 3389, 5985, 5986 };

        /// <summary>
        /// The state of a host. Rules are listed once. Read in full are those managed by portmatrix, those that are
        /// enabled, and of the rest those that portmatrix may have disabled.
        /// </summary>
        public static State Observe(IFirewallStore store, FormerState former)
        {
            State state = new State();
            foreach (Rule listed in store.List())
            {
                if (listed.Grouping == Policy.GroupName) state.Managed.Add(store.Read(listed));
                else if (listed.Enabled || listed.Grouping == Exclusivity.CoreNetworking
                    || HasIdentityOf(former.SwitchedOff, listed.Name))
                    state.Unmanaged.Add(store.Read(listed));
            }
            // Windows lists rules in no stable order
            state.Managed.Sort(CompareRules);
            state.Unmanaged.Sort(CompareRules);
            foreach (int number in Profile.Numbers) state.Profiles[number] = store.GetProfile(number);
            state.ActiveProfiles = store.GetActiveProfiles();
            return state;
        }

        static int CompareRules(Rule a, Rule b)
        {
            int order = String.CompareOrdinal(a.Name, b.Name);
            return order != 0 ? order : String.CompareOrdinal(a.ToCanonicalText(), b.ToCanonicalText());
        }

        static bool HasIdentityOf(List<string> identities, string name)
        {
            return identities.Exists(delegate(string identity)
            {
                return identity.StartsWith(name + " | ", StringComparison.Ordinal);
            });
        }

        /// <summary>
        /// Raises PolicyException where local rules have no effect: group policy, or a profile that blocks all.
        /// </summary>
        public static void RequireLocalRulesToApply(IFirewallStore store, State state)
        {
            const string advice = "; change the group policy object that sets this, or exclude this host from it";
            int modify = store.GetModifyState();
            if (modify == 1)
                throw new PolicyException("group policy overrides the local firewall (LocalPolicyModifyState 1), "
                    + "so local rules would have no effect" + advice);
            if (modify == 2)
                throw new PolicyException("group policy blocks all inbound traffic (LocalPolicyModifyState 2), "
                    + "so local rules would have no effect" + advice);
            foreach (int number in Profile.Numbers)
            {
                string name = Profile.GetName(number);
                if (!store.AllowsLocalRules(number))
                    throw new PolicyException("group policy ignores local rules in the " + name
                        + " profile (AllowLocalPolicyMerge 0)" + advice);
                if ((state.ActiveProfiles & number) != 0 && state.Profiles[number].ShieldsUp)
                    throw new PolicyException("the " + name + " profile is active and blocks all inbound traffic, "
                        + "whatever the rules allow; enable inbound rules first: Set-NetFirewallProfile -Name " + name
                        + " -AllowInboundRules True");
            }
        }

        /// <summary>
        /// The ports to keep open for management: the well-known ones and PORT where they have a listener, and the port
        /// of the connection that this process runs in.
        /// </summary>
        public static List<int> GetManagementPorts(IHost host, int port)
        {
            List<int> ports = new List<int>();
            foreach (int listening in host.GetListeningPorts())
            {
                bool isManagement = Array.IndexOf(wellKnownManagementPorts, listening) >= 0 || listening == port;
                if (isManagement && !ports.Contains(listening)) ports.Add(listening);
            }
            Connection own = host.GetOwnConnection();
            if (own != null && !ports.Contains(own.Port)) ports.Add(own.Port);
            ports.Sort();
            return ports;
        }

        /// <summary>
        /// The connections that must not be blocked: the one that this process runs in. WinRM does not provide it; then
        /// all inbound connections to WinRM and to PORT.
        /// </summary>
        public static List<Connection> GetManagementConnections(IHost host, int port)
        {
            Connection own = host.GetOwnConnection();
            if (own != null) return new List<Connection> { own };
            return host.GetEstablishedConnections().FindAll(delegate(Connection connection)
            {
                bool isManagement = connection.Port == 5985 || connection.Port == 5986 || connection.Port == port;
                return connection.Inbound && isManagement;
            });
        }
    }

    /// <summary>Selects the rules not managed by portmatrix that an exclusive policy disables.</summary>
    public static class Exclusivity
    {
        /// <summary>The group that a host needs for its addresses and names: ICMPv6, DHCP, DNS, group policy.</summary>
        public const string CoreNetworking = "@FirewallAPI.dll,-25000";

        /// <summary>Enabled other rules that allow traffic in the directions in which the policy denies it.</summary>
        public static List<Rule> FindOtherAllowRules(State state, bool deniesEgress)
        {
            return state.Unmanaged.FindAll(delegate(Rule rule)
            {
                return rule.Enabled && rule.Allow && rule.Grouping != CoreNetworking && (rule.Inbound || deniesEgress);
            });
        }
    }
}
