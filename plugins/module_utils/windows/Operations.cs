// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Guards;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Operations
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
        readonly Rule rule;
        readonly bool enabled;

        public SetRuleEnabled(Rule rule, bool enabled)
        {
            this.rule = rule;
            this.enabled = enabled;
        }

        public override void Run(IFirewallStore store)
        {
            store.SetEnabled(rule, enabled);
        }

        public override void Simulate(Guard guard)
        {
            if (enabled) guard.AddRule(rule);
            else guard.RemoveRule(rule);
        }
    }

    /// <summary>Sets one setting of one profile: "on", "inbound" (blocked) or "outbound" (blocked).</summary>
    public class SetProfileSetting : Operation
    {
        readonly int number;
        readonly string setting;
        readonly bool value;

        public SetProfileSetting(int number, string setting, bool value)
        {
            this.number = number;
            this.setting = setting;
            this.value = value;
        }

        public override void Run(IFirewallStore store)
        {
            if (setting == "on") store.SetFirewallEnabled(number, value);
            else store.SetDefaultAction(number, setting == "inbound", value);
        }

        public override void Simulate(Guard guard)
        {
            guard.SetProfileSetting(number, setting, value);
        }
    }
}
