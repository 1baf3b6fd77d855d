// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    /// <summary>
    /// One step of a change. Windows applies each step at once, so the guard checks the host after each of them.
    /// </summary>
    public abstract class Operation
    {
        /// <summary>Let Windows validate the step before the first step runs.</summary>
        public virtual void Prepare(IFirewallStore store) { }

        public abstract void Run(IFirewallStore store);

        public abstract void Simulate(Guard guard);

        /// <summary>The name of the rule or profile that it changes.</summary>
        public abstract string Subject { get; }

        /// <summary>Whether the rest of a change goes on where this step fails.</summary>
        public virtual bool IsOptional { get { return false; } }
    }

    public class AddRule : Operation
    {
        readonly Rule rule;
        object built;

        public AddRule(Rule rule)
        {
            this.rule = rule;
        }

        public override void Prepare(IFirewallStore store)
        {
            built = store.Build(rule);
        }

        public override string Subject { get { return rule.Name; } }

        public override void Run(IFirewallStore store)
        {
            store.Add(built);
        }

        public override void Simulate(Guard guard)
        {
            guard.AddRule(rule);
        }
    }

    /// <summary>Gives a rule a unique name; its effect stays the same.</summary>
    public class RenameRule : Operation
    {
        readonly Rule rule;
        readonly string name;

        public RenameRule(Rule rule, string name)
        {
            this.rule = rule;
            this.name = name;
        }

        public override string Subject { get { return rule.Name; } }

        public override void Run(IFirewallStore store)
        {
            store.Rename(rule, name);
        }

        public override void Simulate(Guard guard) { }
    }

    /// <summary>Removes a rule that was renamed to the unique NAME.</summary>
    public class RemoveRule : Operation
    {
        readonly Rule rule;
        readonly string name;

        public RemoveRule(Rule rule, string name)
        {
            this.rule = rule;
            this.name = name;
        }

        public override string Subject { get { return rule.Name; } }

        public override void Run(IFirewallStore store)
        {
            store.Remove(name);
        }

        public override void Simulate(Guard guard)
        {
            if (rule.Enabled) guard.RemoveRule(rule);
        }
    }

    public class SetRuleEnabled : Operation
    {
        public readonly Rule Rule;
        readonly bool enabled;

        public SetRuleEnabled(Rule rule, bool enabled)
        {
            Rule = rule;
            this.enabled = enabled;
        }

        /// <summary>Windows may refuse to disable a rule, for example one of group policy.</summary>
        public override bool IsOptional { get { return !enabled; } }

        public override string Subject { get { return Rule.Name; } }

        public override void Run(IFirewallStore store)
        {
            store.SetEnabled(Rule, enabled);
        }

        public override void Simulate(Guard guard)
        {
            if (enabled) guard.AddRule(Rule);
            else guard.RemoveRule(Rule);
        }
    }

    /// <summary>Sets one setting of one profile.</summary>
    public class SetProfileSetting : Operation
    {
        readonly int number;
        readonly Setting setting;
        readonly bool value;

        public SetProfileSetting(int number, Setting setting, bool value)
        {
            this.number = number;
            this.setting = setting;
            this.value = value;
        }

        public override string Subject { get { return "profile " + number; } }

        public override void Run(IFirewallStore store)
        {
            switch (setting)
            {
                case Setting.Enabled: store.SetFirewallEnabled(number, value); break;
                case Setting.LogDropped: store.SetDroppedLogged(number, value); break;
                default: store.SetDefaultAction(number, setting == Setting.BlockInbound, value); break;
            }
        }

        public override void Simulate(Guard guard)
        {
            guard.SetProfileSetting(number, setting, value);
        }
    }
}
