// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Operations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans
{
    /// <summary>
    /// What a host has. Managed: the rules managed by portmatrix. Unmanaged: of the other rules, those that are enabled
    /// and those that were asked for by name.
    /// </summary>
    public class State
    {
        public readonly List<Rule> Managed = new List<Rule>(), Unmanaged = new List<Rule>();
        public readonly Dictionary<int, Profile> Profiles = new Dictionary<int, Profile>();
        public int ActiveProfiles;

        public IEnumerable<Rule> GetAllRules()
        {
            foreach (Rule rule in Managed) yield return rule;
            foreach (Rule rule in Unmanaged) yield return rule;
        }
    }

    /// <summary>
    /// What a host is to have: the rules managed by portmatrix, the profile settings, and the other rules to enable and
    /// disable.
    /// </summary>
    public class Target
    {
        public readonly List<Rule> Managed = new List<Rule>(), RulesToEnable = new List<Rule>();
        public readonly List<Rule> RulesToDisable = new List<Rule>();
        public readonly Dictionary<int, Profile> Profiles = new Dictionary<int, Profile>();
    }

    /// <summary>
    /// The steps from a state to a target, in an order that keeps allowed traffic allowed after each of them: make
    /// before break, loosen first, tighten last.
    /// </summary>
    public class Plan
    {
        public readonly List<Operation> Operations = new List<Operation>();
        readonly List<Operation> loosening = new List<Operation>(), adding = new List<Operation>();
        readonly List<Operation> removing = new List<Operation>(), tightening = new List<Operation>();

        public Plan(State state, Target target)
        {
            PlanSettings(state, target);
            PlanManagedRules(state, target);
            Operations.AddRange(loosening);
            Operations.AddRange(adding);
            foreach (Rule rule in target.RulesToEnable) Operations.Add(new SetRuleEnabled(rule, true));
            Operations.AddRange(removing);
            foreach (Rule rule in target.RulesToDisable) Operations.Add(new SetRuleEnabled(rule, false));
            Operations.AddRange(tightening);
        }

        void PlanSettings(State state, Target target)
        {
            foreach (int number in Profile.Numbers)
            {
                Profile now = state.Profiles[number], wanted = target.Profiles[number];
                PlanSetting(number, "inbound", now.BlockInbound, wanted.BlockInbound);
                PlanSetting(number, "outbound", now.BlockOutbound, wanted.BlockOutbound);
                PlanSetting(number, "on", now.Enabled, wanted.Enabled);
            }
        }

        void PlanSetting(int number, string setting, bool now, bool wanted)
        {
            if (now != wanted) (wanted ? tightening : loosening).Add(new SetProfileSetting(number, setting, wanted));
        }

        void PlanManagedRules(State state, Target target)
        {
            Dictionary<string, List<Rule>> remaining = new Dictionary<string, List<Rule>>(StringComparer.Ordinal);
            foreach (Rule rule in state.Managed)
            {
                if (!remaining.ContainsKey(rule.Name)) remaining[rule.Name] = new List<Rule>();
                remaining[rule.Name].Add(rule);
            }
            foreach (Rule wanted in target.Managed)
            {
                List<Rule> sameName;
                if (!remaining.TryGetValue(wanted.Name, out sameName) || sameName.Count == 0)
                {
                    adding.Add(new AddRule(wanted));
                    continue;
                }
                string canonical = wanted.ToCanonicalText();
                Rule kept = sameName.Find(delegate(Rule rule) { return rule.ToCanonicalText() == canonical; });
                if (kept == null) PlanReplacement(sameName[0], wanted);
                sameName.Remove(kept ?? sameName[0]);
            }
            foreach (Rule rule in state.Managed)
                if (remaining[rule.Name].Contains(rule)) PlanRemoval(rule);
        }

        /// <summary>
        /// The old rule stays, under another name, until all new ones are there: the next rule may have what it had.
        /// </summary>
        void PlanReplacement(Rule old, Rule wanted)
        {
            string name = CreateUniqueName();
            adding.Add(new RenameRule(old, name));
            adding.Add(new AddRule(wanted));
            removing.Add(new RemoveRule(old, name));
        }

        void PlanRemoval(Rule rule)
        {
            string name = CreateUniqueName();
            removing.Add(new RenameRule(rule, name));
            removing.Add(new RemoveRule(rule, name));
        }

        static string CreateUniqueName()
        {
            return "portmatrix-" + Guid.NewGuid().ToString("N");
        }
    }
}
