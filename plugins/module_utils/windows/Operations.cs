// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Guards;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Operations
{
    /// <summary>One step. Every step is in force at once, so the guard looks at the host after each of them.</summary>
    public abstract class Operation
    {
        /// <summary>Windows checks what it will be asked for, before the first step.</summary>
        public virtual void Prepare(IFirewallStore store) { }

        public abstract void Run(IFirewallStore store);

        public abstract void Foresee(Guard guard);
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

        public override void Foresee(Guard guard)
        {
            guard.Take(rule, 1);
        }
    }

    /// <summary>Gives a rule a name that only it has; it decides as before.</summary>
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

        public override void Foresee(Guard guard) { }
    }

    /// <summary>Removes a rule that was renamed to a NAME that only it has.</summary>
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

        public override void Foresee(Guard guard)
        {
            if (rule.Enabled) guard.Take(rule, -1);
        }
    }

    public class SwitchRule : Operation
    {
        readonly Rule rule;
        readonly bool on;

        public SwitchRule(Rule rule, bool on)
        {
            this.rule = rule;
            this.on = on;
        }

        public override void Run(IFirewallStore store)
        {
            store.SetEnabled(rule, on);
        }

        public override void Foresee(Guard guard)
        {
            guard.Take(rule, on ? 1 : -1);
        }
    }

    /// <summary>One setting of one profile: "on", "inbound" (blocked) or "outbound" (blocked).</summary>
    public class SetProfile : Operation
    {
        readonly int number;
        readonly string setting;
        readonly bool value;

        public SetProfile(int number, string setting, bool value)
        {
            this.number = number;
            this.setting = setting;
            this.value = value;
        }

        public override void Run(IFirewallStore store)
        {
            if (setting == "on") store.SetFirewallEnabled(number, value);
            else store.SetDefault(number, setting == "inbound", value);
        }

        public override void Foresee(Guard guard)
        {
            guard.Set(number, setting, value);
        }
    }
}
