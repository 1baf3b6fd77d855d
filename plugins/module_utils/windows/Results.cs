// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.DisplayRules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Observations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Results
{
    /// <summary>
    /// The result of the module, as on Linux. Values: the result's keys; Before and After: Ansible's diff.
    /// </summary>
    public class ModuleResult
    {
        public readonly Dictionary<string, object> Values = new Dictionary<string, object>();
        public readonly List<string> Warnings = new List<string>();
        public string Before = "", After = "";

        /// <summary>The result of state confirmed: the ANSWER of Rollback.Confirm.</summary>
        public static ModuleResult FromAnswer(Dictionary<string, object> answer)
        {
            ModuleResult result = new ModuleResult();
            foreach (KeyValuePair<string, object> entry in answer) result.Values[entry.Key] = entry.Value;
            result.Values["changed"] = false;
            return result;
        }

        /// <summary>The result of states enforced and absent; POLICY is null for absent.</summary>
        public static ModuleResult ForChange(State state, Target target, Policy policy, bool changed)
        {
            ModuleResult result = new ModuleResult();
            List<DisplayRule> before = DisplayRule.FromRules(state.Managed),
                after = DisplayRule.FromRules(target.Managed);
            Dictionary<string, bool> oldKeys = GetKeys(before), newKeys = GetKeys(after);
            int kept = 0;
            foreach (string key in newKeys.Keys) if (oldKeys.ContainsKey(key)) kept++;
            result.Values["changed"] = changed;
            result.Values["backend"] = "windows";
            result.Values["digest"] = policy == null ? "" : policy.ComputeDigest();
            result.Values["transition"] = changed ? "hitless" : "none";
            result.Values["added"] = newKeys.Count - kept;
            result.Values["removed"] = oldKeys.Count - kept;
            result.Values["kept"] = kept;
            List<Rule> others = policy == null ? new List<Rule>()
                : Exclusivity.FindOtherAllowRules(state, policy.DeniesEgress);
            result.Before = FormatDiff(DescribeProfiles(state.Profiles), DescribeOtherRules(others, target, false),
                before, newKeys, after.Count);
            result.After = FormatDiff(DescribeProfiles(target.Profiles), DescribeOtherRules(others, target, true),
                after, oldKeys, before.Count);
            if (policy != null) result.AddWarnings(state, policy);
            return result;
        }

        /// <summary>Whether there is a before and an after to show.</summary>
        public bool HasDiff()
        {
            return Before.Length + After.Length > 0;
        }

        /// <summary>Add `pending` to the result: the change TOKEN waits for its confirmation.</summary>
        public void SetPending(string token)
        {
            Dictionary<string, object> pending = new Dictionary<string, object>();
            pending["token"] = token;
            Values["pending"] = pending;
        }

        /// <summary>The result of state gathered.</summary>
        public static ModuleResult ForGathered(Dependencies dependencies, State state)
        {
            List<DisplayRule> rules = DisplayRule.FromRules(state.Managed);
            bool active = true, denies = true;
            foreach (Profile profile in state.Profiles.Values)
            {
                active &= profile.Enabled;
                denies &= profile.BlockInbound;
            }
            Dictionary<string, object> gathered = new Dictionary<string, object>();
            gathered["backend"] = "windows";
            gathered["version"] = dependencies.Host.GetVersion();
            gathered["active"] = active;
            gathered["enforced"] = rules.Count > 0 && active && denies;
            gathered["state"] = new List<object>(DescribeProfiles(state.Profiles).ToArray());
            gathered["rules"] = rules.ConvertAll<object>(delegate(DisplayRule rule) { return rule.ToData(); });
            ModuleResult result = new ModuleResult();
            result.Values["changed"] = false;
            result.Values["gathered"] = gathered;
            return result;
        }

        static Dictionary<string, bool> GetKeys(List<DisplayRule> rules)
        {
            Dictionary<string, bool> keys = new Dictionary<string, bool>();
            foreach (DisplayRule rule in rules) keys[rule.GetKey()] = true;
            return keys;
        }

        static List<string> DescribeProfiles(Dictionary<int, Profile> profiles)
        {
            List<string> lines = new List<string>();
            foreach (int number in Profile.Numbers)
            {
                Profile profile = profiles[number];
                lines.Add(Profile.GetName(number) + " profile: " + (profile.Enabled ? "on" : "off")
                    + ", ingress " + (profile.BlockInbound ? "deny" : "allow")
                    + ", egress " + (profile.BlockOutbound ? "deny" : "allow"));
            }
            return lines;
        }

        /// <summary>
        /// What rules not managed by portmatrix allow beyond the policy (OTHERS, all of them enabled now), and those
        /// that are enabled by the change.
        /// </summary>
        static List<string> DescribeOtherRules(List<Rule> others, Target target, bool after)
        {
            List<string> lines = new List<string>();
            foreach (Rule rule in others)
                lines.Add((after && target.RulesToDisable.Contains(rule)
                    ? "not in the policy, and closed: " : "not in the policy, but open: ") + DescribeRule(rule));
            foreach (Rule rule in target.RulesToEnable)
                lines.Add(DescribeRule(rule) + ", not managed by portmatrix: " + (after ? "on" : "off"));
            return lines;
        }

        static string DescribeRule(Rule rule)
        {
            return "rule '" + rule.Name + "' (" + (rule.Inbound ? "ingress" : "egress") + ")";
        }

        /// <summary>
        /// One side of the diff. A long one leaves out the RULES that are on the other side, too (OTHERKEYS; OTHERCOUNT
        /// in all).
        /// </summary>
        static string FormatDiff(List<string> profiles, List<string> otherRules, List<DisplayRule> rules,
            Dictionary<string, bool> otherKeys, int otherCount)
        {
            StringBuilder text = new StringBuilder();
            foreach (string line in profiles) text.Append(line).Append('\n');
            foreach (string line in otherRules) text.Append(line).Append('\n');
            bool brief = rules.Count + otherCount > DisplayRule.MaxLines;
            List<DisplayRule> shown = rules.FindAll(delegate(DisplayRule rule)
            {
                return !brief || !otherKeys.ContainsKey(rule.GetKey());
            });
            for (int i = 0; i < shown.Count && i < DisplayRule.MaxLines; i++)
                text.Append(shown[i].ToText()).Append('\n');
            string more = (shown.Count - DisplayRule.MaxLines).ToString(CultureInfo.InvariantCulture);
            if (shown.Count > DisplayRule.MaxLines) text.Append("... and ").Append(more).Append(" more rules\n");
            return text.ToString();
        }

        void AddWarnings(State state, Policy policy)
        {
            foreach (int number in Profile.Numbers)
                if ((state.ActiveProfiles & number) == 0 && state.Profiles[number].ShieldsUp)
                    Warnings.Add("the " + Profile.GetName(number)
                        + " profile blocks all inbound traffic, management included; "
                        + "it is not active now, and once it is, management is blocked");
            if (policy.IsExclusive) return;
            List<Rule> otherAllowRules = Exclusivity.FindOtherAllowRules(state, policy.DeniesEgress);
            if (otherAllowRules.Count == 0) return;
            Warnings.Add("rules not managed by portmatrix allow what the policy does not ("
                + otherAllowRules.Count.ToString(CultureInfo.InvariantCulture)
                + " of them; --diff lists them); set portmatrix_exclusive: true to disable them");
        }
    }
}
