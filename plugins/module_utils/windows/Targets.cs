// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Memories;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Targets
{
    /// <summary>What a host is to have under a policy, or without one; and what is to be remembered then. Pure.</summary>
    public static class Aims
    {
        /// <summary>Our RULES, everything else denied. MEMORY is what is remembered now; REMEMBERED becomes what is to be.</summary>
        public static Target Enforced(State state, Policy policy, IEnumerable<Rule> rules, Memory memory, Memory remembered)
        {
            Target target = new Target();
            target.Own.AddRange(rules);
            foreach (int number in Profile.Numbers)
            {
                Profile now = state.Profiles[number], wanted = now.Copy();
                foreach (KeyValuePair<string, bool> known in memory.Settings)
                    if (known.Key == Memory.Key(number, "on") || known.Key == Memory.Key(number, "inbound")
                        || (policy.DeniesEgress && known.Key == Memory.Key(number, "outbound")))
                        remembered.Settings[known.Key] = known.Value;
                wanted.Enabled = remembered.Make(number, "on", now.Enabled, true);
                wanted.BlockInbound = remembered.Make(number, "inbound", now.BlockInbound, true);
                wanted.BlockOutbound = policy.DeniesEgress ? remembered.Make(number, "outbound", now.BlockOutbound, true)
                    : memory.Former(number, "outbound", now.BlockOutbound);
                target.Profiles[number] = wanted;
            }
            List<Rule> beside = policy.Exclusive ? Exclusivity.Beside(state, policy.DeniesEgress) : new List<Rule>();
            foreach (Rule rule in state.Others)
            {
                string identity = rule.Identity();
                bool core = policy.DeniesEgress && !rule.Inbound && rule.Allow && rule.Grouping == Exclusivity.CoreNetworking;
                bool off = policy.Exclusive
                    && (beside.Contains(rule) || (!rule.Enabled && memory.SwitchedOff.Contains(identity) && (rule.Inbound || policy.DeniesEgress)));
                if (off) Remember(remembered.SwitchedOff, identity);
                if (off && rule.Enabled) target.SwitchOff.Add(rule);
                if (!off && !rule.Enabled && memory.SwitchedOff.Contains(identity)) target.SwitchOn.Add(rule);
                // without Core Networking a host that may open nothing loses its address
                if (core && (!rule.Enabled || memory.SwitchedOn.Contains(identity))) Remember(remembered.SwitchedOn, identity);
                if (core && !rule.Enabled) target.SwitchOn.Add(rule);
                if (!core && rule.Enabled && memory.SwitchedOn.Contains(identity)) target.SwitchOff.Add(rule);
            }
            return target;
        }

        static void Remember(List<string> identities, string identity)
        {
            if (!identities.Contains(identity)) identities.Add(identity);
        }

        /// <summary>Nothing of ours, and the settings as they were before us, where they still are what we made of them.</summary>
        public static Target Released(State state, Memory memory)
        {
            Target target = new Target();
            foreach (int number in Profile.Numbers)
            {
                Profile now = state.Profiles[number], wanted = now.Copy();
                wanted.Enabled = memory.Former(number, "on", now.Enabled);
                wanted.BlockInbound = memory.Former(number, "inbound", now.BlockInbound);
                wanted.BlockOutbound = memory.Former(number, "outbound", now.BlockOutbound);
                target.Profiles[number] = wanted;
            }
            foreach (Rule rule in state.Others)
            {
                if (!rule.Enabled && memory.SwitchedOff.Contains(rule.Identity())) target.SwitchOn.Add(rule);
                if (rule.Enabled && memory.SwitchedOn.Contains(rule.Identity())) target.SwitchOff.Add(rule);
            }
            return target;
        }
    }
}
