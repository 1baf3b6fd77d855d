// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Operations;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Plans
{
    /// <summary>What a host has. Others: rules that are not ours, those that are enabled and those that we ask for by name.</summary>
    public class State
    {
        public readonly List<Rule> Own = new List<Rule>(), Others = new List<Rule>();
        public readonly Dictionary<int, Profile> Profiles = new Dictionary<int, Profile>();
        public int Current;

        public IEnumerable<Rule> All()
        {
            foreach (Rule rule in Own) yield return rule;
            foreach (Rule rule in Others) yield return rule;
        }
    }

    /// <summary>What a host is to have: our rules, settings, and the rules of others to switch on and off.</summary>
    public class Target
    {
        public readonly List<Rule> Own = new List<Rule>(), SwitchOn = new List<Rule>(), SwitchOff = new List<Rule>();
        public readonly Dictionary<int, Profile> Profiles = new Dictionary<int, Profile>();
    }

    /// <summary>The steps from a state to a target, ordered so that what is to pass passes after each of them: make before break, loosen first, tighten
    /// last.</summary>
    public class Plan
    {
        public readonly List<Operation> Operations = new List<Operation>();
        readonly List<Operation> loosening = new List<Operation>(), adding = new List<Operation>(), replacing = new List<Operation>();
        readonly List<Operation> removing = new List<Operation>(), tightening = new List<Operation>();

        public Plan(State state, Target target)
        {
            Settings(state, target);
            OwnRules(state, target);
            Operations.AddRange(loosening);
            Operations.AddRange(adding);
            Operations.AddRange(replacing);
            foreach (Rule rule in target.SwitchOn) Operations.Add(new SwitchRule(rule, true));
            foreach (Rule rule in target.SwitchOff) Operations.Add(new SwitchRule(rule, false));
            Operations.AddRange(removing);
            Operations.AddRange(tightening);
        }

        void Settings(State state, Target target)
        {
            foreach (int number in Profile.Numbers)
            {
                Profile now = state.Profiles[number], wanted = target.Profiles[number];
                Set(number, "inbound", now.BlockInbound, wanted.BlockInbound);
                Set(number, "outbound", now.BlockOutbound, wanted.BlockOutbound);
                Set(number, "on", now.Enabled, wanted.Enabled);
            }
        }

        void Set(int number, string setting, bool now, bool wanted)
        {
            if (now != wanted) (wanted ? tightening : loosening).Add(new SetProfile(number, setting, wanted));
        }

        void OwnRules(State state, Target target)
        {
            Dictionary<string, List<Rule>> left = new Dictionary<string, List<Rule>>(StringComparer.Ordinal);
            foreach (Rule rule in state.Own)
            {
                if (!left.ContainsKey(rule.Name)) left[rule.Name] = new List<Rule>();
                left[rule.Name].Add(rule);
            }
            foreach (Rule wanted in target.Own)
            {
                List<Rule> same;
                if (!left.TryGetValue(wanted.Name, out same) || same.Count == 0)
                {
                    adding.Add(new AddRule(wanted));
                    continue;
                }
                string canonical = wanted.Canonical();
                Rule kept = same.Find(delegate(Rule rule) { return rule.Canonical() == canonical; });
                if (kept == null) Replace(same[0], wanted);
                same.Remove(kept ?? same[0]);
            }
            foreach (Rule rule in state.Own)
                if (left[rule.Name].Contains(rule)) Retire(rule, removing);
        }

        void Replace(Rule old, Rule wanted)
        {
            string name = Unique();
            replacing.Add(new RenameRule(old, name));
            replacing.Add(new AddRule(wanted));
            replacing.Add(new RemoveRule(old, name));
        }

        static void Retire(Rule rule, List<Operation> steps)
        {
            string name = Unique();
            steps.Add(new RenameRule(rule, name));
            steps.Add(new RemoveRule(rule, name));
        }

        static string Unique()
        {
            return "portmatrix-" + Guid.NewGuid().ToString("N");
        }
    }
}
