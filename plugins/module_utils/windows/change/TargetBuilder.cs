// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System.Collections.Generic;

    /// <summary>Builds the target of a host with or without a policy, and the memory to store then. Pure.</summary>
    public class TargetBuilder
    {
        readonly State state;
        readonly Memory memory;
        /// <summary>Receives the memory to store after the change.</summary>
        readonly Memory next;
        readonly Target target = new Target();

        public TargetBuilder(State state, Memory memory, Memory next)
        {
            this.state = state;
            this.memory = memory;
            this.next = next;
        }

        /// <summary>The managed RULES, everything else denied.</summary>
        public Target BuildEnforced(WantedPolicy policy, IEnumerable<Rule> rules)
        {
            target.Managed.AddRange(rules);
            next.ManagedDigest = Memory.ComputeDigest(target.Managed);
            foreach (int number in Profile.Numbers)
            {
                Profile wanted = target.Profiles[number] = state.Profiles[number].Copy();
                Decide(wanted, number, Setting.Enabled, true);
                Decide(wanted, number, Setting.BlockInbound, true);
                Decide(wanted, number, Setting.BlockOutbound, policy.DeniesEgress);
                Decide(wanted, number, Setting.LogDropped, policy.LogsDenied);
            }
            return target;
        }

        /// <summary>
        /// Set SETTING, and remember what it was before that; or give it back. What it was is taken once: later on,
        /// another value is a change by somebody else, and not what was before portmatrix.
        /// </summary>
        void Decide(Profile wanted, int number, Setting setting, bool enforced)
        {
            bool? former = memory.GetFormer(number, setting);
            if (!enforced)
            {
                GiveBack(wanted, number, setting);
                return;
            }
            next.SetFormer(number, setting, former ?? wanted.Get(setting));
            wanted.Set(setting, true);
        }

        /// <summary>A setting that was changed since keeps its new value.</summary>
        void GiveBack(Profile wanted, int number, Setting setting)
        {
            bool? former = memory.GetFormer(number, setting);
            if (former.HasValue && wanted.Get(setting)) wanted.Set(setting, former.Value);
        }

        /// <summary>
        /// Decide about the rules of others, before BuildEnforced. Returns those that are enabled again.
        /// </summary>
        public List<Rule> SwitchOthers(WantedPolicy policy)
        {
            List<Rule> enabled = state.Unmanaged.FindAll(delegate(Rule rule) { return rule.Enabled; });
            List<Rule> disabled = state.Unmanaged.FindAll(delegate(Rule rule) { return !rule.Enabled; });
            List<SwitchedRule> notOff = new List<SwitchedRule>(), ignored = new List<SwitchedRule>();
            Set<Rule> wasOff = SwitchedRule.Find(memory.SwitchedOff, disabled, notOff);
            Set<Rule> wasOn = SwitchedRule.Find(memory.SwitchedOn, enabled, ignored);
            List<SwitchedRule> notFound = new List<SwitchedRule>();
            Set<Rule> cameBack = SwitchedRule.Find(notOff, enabled, notFound);
            target.NotFound.AddRange(SwitchedRule.GetNames(notFound));
            Set<Rule> isFixed = SwitchedRule.Find(memory.Fixed, enabled, ignored);
            Set<Rule> allowing = new Set<Rule>(Others.FindAllowing(state, policy.DeniesEgress));
            foreach (Rule rule in state.Unmanaged)
            {
                bool off = policy.IsExclusive && (allowing.Contains(rule)
                    || (wasOff.Contains(rule) && (rule.Inbound || policy.DeniesEgress)));
                if (off && isFixed.Contains(rule))
                {
                    off = false;
                    next.Fixed.Add(new SwitchedRule(rule, 0));
                    target.Fixed.Add(rule.Name);
                }
                if (off) next.SwitchedOff.Add(new SwitchedRule(rule, CountAlike(rule, false, wasOff)));
                if (off && rule.Enabled) target.RulesToDisable.Add(rule);
                if (off && cameBack.Contains(rule)) target.CameBack.Add(rule.Name);
                if (!off && wasOff.Contains(rule)) target.RulesToEnable.Add(rule);
                SwitchCoreNetworking(policy, rule, wasOn.Contains(rule));
            }
            return target.RulesToEnable;
        }

        /// <summary>How many rules alike were ENABLED or not by themselves; those in SWITCHED were not.</summary>
        int CountAlike(Rule rule, bool enabled, Set<Rule> switched)
        {
            int count = state.CountAlike(rule, enabled);
            string effect = rule.GetEffect();
            foreach (Rule other in switched) if (other != rule && other.GetEffect() == effect) count--;
            return count;
        }

        /// <summary>Where egress is denied, a host without Core Networking loses its address.</summary>
        void SwitchCoreNetworking(WantedPolicy policy, Rule rule, bool wasSwitchedOn)
        {
            bool needed = policy.DeniesEgress && !rule.Inbound && rule.Allow && rule.Grouping == Others.CoreNetworking;
            if (needed && (!rule.Enabled
                || wasSwitchedOn)) next.SwitchedOn.Add(new SwitchedRule(rule, CountAlike(rule, true, new Set<Rule>())));
            if (needed && !rule.Enabled) target.RulesToEnable.Add(rule);
            if (!needed && wasSwitchedOn) target.RulesToDisable.Add(rule);
        }

        /// <summary>No rules managed by portmatrix, and what was before them.</summary>
        public Target BuildReleased()
        {
            foreach (int number in Profile.Numbers)
            {
                Profile wanted = target.Profiles[number] = state.Profiles[number].Copy();
                foreach (Setting setting in Profile.Settings) GiveBack(wanted, number, setting);
            }
            List<SwitchedRule> notOff = new List<SwitchedRule>(), notFound = new List<SwitchedRule>();
            List<Rule> enabled = state.Unmanaged.FindAll(delegate(Rule rule) { return rule.Enabled; });
            target.RulesToEnable.AddRange(SwitchedRule.Find(memory.SwitchedOff,
                state.Unmanaged.FindAll(delegate(Rule rule) { return !rule.Enabled; }), notOff));
            SwitchedRule.Find(notOff, enabled, notFound);
            target.NotFound.AddRange(SwitchedRule.GetNames(notFound));
            target.RulesToDisable.AddRange(SwitchedRule.Find(memory.SwitchedOn, enabled, new List<SwitchedRule>()));
            return target;
        }
    }
}
