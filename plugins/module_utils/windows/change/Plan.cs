// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;

    /// <summary>
    /// The steps from a state to a target, in an order that keeps allowed traffic allowed after each of them: make
    /// before break, loosen first, tighten last.
    /// </summary>
    public class Plan
    {
        public readonly List<Operation> Operations = new List<Operation>();
        /// <summary>The managed rules that are added and removed; one that is replaced is in both.</summary>
        public readonly List<Rule> Came = new List<Rule>(), Went = new List<Rule>();
        /// <summary>Names of managed rules that somebody limited further; they are kept.</summary>
        public readonly List<string> Limited = new List<string>();
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
                foreach (Setting setting in Profile.Settings)
                {
                    bool wanted = target.Profiles[number].Get(setting);
                    if (state.Profiles[number].Get(setting) == wanted) continue;
                    (wanted ? tightening : loosening).Add(new SetProfileSetting(number, setting, wanted));
                }
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
                    Came.Add(wanted);
                    continue;
                }
                Rule kept = sameName.Find(wanted.IsMetBy);
                if (kept == null) PlanReplacement(sameName[0], wanted);
                else if (!wanted.HasLimits() && kept.HasLimits()) Limited.Add(kept.Name);
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
            Came.Add(wanted);
            Went.Add(old);
        }

        void PlanRemoval(Rule rule)
        {
            string name = CreateUniqueName();
            removing.Add(new RenameRule(rule, name));
            removing.Add(new RemoveRule(rule, name));
            Went.Add(rule);
        }

        static string CreateUniqueName()
        {
            return "portmatrix-" + Guid.NewGuid().ToString("N");
        }
    }
}
