// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Memories;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations
{
    /// <summary>Reads a host; changes nothing.</summary>
    public static class Observer
    {
        /// <summary>Ports of management that count where something listens on them: SSH, RDP, WinRM.</summary>
        static readonly int[] known = { 22, 3389, 5985, 5986 };

        /// <summary>The rules are listed once; in full those of ours, those that are enabled, and of the rest those that we may have switched off.</summary>
        public static State Observe(IFirewallStore store, Memory memory)
        {
            State state = new State();
            foreach (Rule listed in store.List())
            {
                if (listed.Grouping == Policy.Mark) state.Own.Add(store.Read(listed));
                else if (listed.Enabled || listed.Grouping == Exclusivity.CoreNetworking || Knows(memory.SwitchedOff, listed.Name))
                    state.Others.Add(store.Read(listed));
            }
            // Windows lists them in no order that lasts
            state.Own.Sort(Order);
            state.Others.Sort(Order);
            foreach (int number in Profile.Numbers) state.Profiles[number] = store.GetProfile(number);
            state.Current = store.CurrentProfiles();
            return state;
        }

        static int Order(Rule a, Rule b)
        {
            int order = String.CompareOrdinal(a.Name, b.Name);
            return order != 0 ? order : String.CompareOrdinal(a.Canonical(), b.Canonical());
        }

        static bool Knows(List<string> identities, string name)
        {
            return identities.Exists(delegate(string identity) { return identity.StartsWith(name + " | ", StringComparison.Ordinal); });
        }

        /// <summary>Raises PolicyException where group policy decides, and rules of ours would do nothing.</summary>
        public static void RequireOurRulesToCount(IFirewallStore store, State state)
        {
            const string advice = "; change the group policy object that says so, or take this host out of its reach";
            int modify = store.ModifyState();
            if (modify == 1)
                throw new PolicyException("group policy overrides the local firewall (LocalPolicyModifyState 1), so rules put here would not count" + advice);
            if (modify == 2)
                throw new PolicyException("group policy blocks all that comes in (LocalPolicyModifyState 2), so rules put here would not count" + advice);
            foreach (int number in Profile.Numbers)
            {
                if (!store.LocalRulesCount(number))
                    throw new PolicyException("group policy ignores local rules in the " + Profile.Title(number) + " profile (AllowLocalPolicyMerge 0)"
                        + advice);
                if ((state.Current & number) != 0 && state.Profiles[number].ShieldsUp)
                    throw new PolicyException("all that comes in is blocked in the " + Profile.Title(number)
                        + " profile, which is in force, so no rule could let anything in; allow rules first: "
                        + "Set-NetFirewallProfile -Name " + Profile.Title(number) + " -AllowInboundRules True");
            }
        }

        /// <summary>Ports to keep open for management: those known for it that something listens on, and PORT where the controller came in by it.</summary>
        public static List<int> ManagementPorts(IHost host, int port)
        {
            List<int> found = new List<int>();
            foreach (int listening in host.Listening())
                if ((Array.IndexOf(known, listening) >= 0 || listening == port) && !found.Contains(listening)) found.Add(listening);
            Connection own = host.Own();
            if (own != null && !found.Contains(own.Port)) found.Add(own.Port);
            found.Sort();
            return found;
        }

        /// <summary>The connections that must not be cut: the one that we run in; WinRM does not tell which that is, so all that come in to it, or to
        /// PORT.</summary>
        public static List<Connection> Management(IHost host, int port)
        {
            Connection own = host.Own();
            if (own != null) return new List<Connection> { own };
            return host.Established().FindAll(delegate(Connection found)
            {
                return found.Inbound && (found.Port == 5985 || found.Port == 5986 || found.Port == port);
            });
        }
    }

    /// <summary>Which rules of others an exclusive policy switches off.</summary>
    public static class Exclusivity
    {
        /// <summary>The group without which a host has no addresses and no names: ICMPv6, DHCP, DNS, group policy.</summary>
        public const string CoreNetworking = "@FirewallAPI.dll,-25000";

        /// <summary>Enabled rules of others that let traffic pass beside a policy, in the directions in which it denies.</summary>
        public static List<Rule> Beside(State state, bool deniesEgress)
        {
            return state.Others.FindAll(delegate(Rule rule)
            {
                return rule.Enabled && rule.Allow && rule.Grouping != CoreNetworking && (rule.Inbound || deniesEgress);
            });
        }
    }
}
