// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.FormerStates;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Targets
{
    /// <summary>
    /// Builds the target of a host with or without a policy, and the former state to store then. Pure.
    /// </summary>
    public static class TargetBuilder
    {
        /// <summary>
        /// The managed RULES, everything else denied. FORMER is the former state stored now; NEXTFORMER receives the
        /// one to store after the change.
        /// </summary>
        public static Target BuildEnforced(State state, Policy policy, IEnumerable<Rule> rules, FormerState former,
            FormerState nextFormer)
        {
            Target target = new Target();
            target.Managed.AddRange(rules);
            foreach (int number in Profile.Numbers)
                target.Profiles[number] = BuildProfile(number, state.Profiles[number], policy, former, nextFormer);
            List<Rule> otherAllowRules = policy.IsExclusive
                ? Exclusivity.FindOtherAllowRules(state, policy.DeniesEgress) : new List<Rule>();
            foreach (Rule rule in state.Unmanaged)
            {
                string identity = rule.GetIdentity();
                bool wasSwitchedOff = former.SwitchedOff.Contains(identity);
                bool wasSwitchedOn = former.SwitchedOn.Contains(identity);
                bool keepOff = !rule.Enabled && wasSwitchedOff && (rule.Inbound || policy.DeniesEgress);
                bool off = policy.IsExclusive && (otherAllowRules.Contains(rule) || keepOff);
                if (off) AddOnce(nextFormer.SwitchedOff, identity);
                if (off && rule.Enabled) target.RulesToDisable.Add(rule);
                if (!off && !rule.Enabled && wasSwitchedOff) target.RulesToEnable.Add(rule);
                // where egress is denied, a host without Core Networking loses its address
                bool core = policy.DeniesEgress && !rule.Inbound && rule.Allow
                    && rule.Grouping == Exclusivity.CoreNetworking;
                if (core && (!rule.Enabled || wasSwitchedOn)) AddOnce(nextFormer.SwitchedOn, identity);
                if (core && !rule.Enabled) target.RulesToEnable.Add(rule);
                if (!core && rule.Enabled && wasSwitchedOn) target.RulesToDisable.Add(rule);
            }
            return target;
        }

        static Profile BuildProfile(int number, Profile now, Policy policy, FormerState former, FormerState nextFormer)
        {
            Profile wanted = now.Copy();
            foreach (KeyValuePair<string, bool> setting in former.Settings)
                if (setting.Key == FormerState.GetKey(number, "on")
                    || setting.Key == FormerState.GetKey(number, "inbound")
                    || (policy.DeniesEgress && setting.Key == FormerState.GetKey(number, "outbound")))
                    nextFormer.Settings[setting.Key] = setting.Value;
            wanted.Enabled = nextFormer.RecordChange(number, "on", now.Enabled, true);
            wanted.BlockInbound = nextFormer.RecordChange(number, "inbound", now.BlockInbound, true);
            wanted.BlockOutbound = policy.DeniesEgress
                ? nextFormer.RecordChange(number, "outbound", now.BlockOutbound, true)
                : former.GetFormerValue(number, "outbound", now.BlockOutbound);
            return wanted;
        }

        static void AddOnce(List<string> identities, string identity)
        {
            if (!identities.Contains(identity)) identities.Add(identity);
        }

        /// <summary>
        /// No rules managed by portmatrix, and the former settings; a setting that was changed since keeps its new
        /// value.
        /// </summary>
        public static Target BuildReleased(State state, FormerState former)
        {
            Target target = new Target();
            foreach (int number in Profile.Numbers)
            {
                Profile now = state.Profiles[number], wanted = now.Copy();
                wanted.Enabled = former.GetFormerValue(number, "on", now.Enabled);
                wanted.BlockInbound = former.GetFormerValue(number, "inbound", now.BlockInbound);
                wanted.BlockOutbound = former.GetFormerValue(number, "outbound", now.BlockOutbound);
                target.Profiles[number] = wanted;
            }
            foreach (Rule rule in state.Unmanaged)
            {
                if (!rule.Enabled && former.SwitchedOff.Contains(rule.GetIdentity())) target.RulesToEnable.Add(rule);
                if (rule.Enabled && former.SwitchedOn.Contains(rule.GetIdentity())) target.RulesToDisable.Add(rule);
            }
            return target;
        }
    }
}
