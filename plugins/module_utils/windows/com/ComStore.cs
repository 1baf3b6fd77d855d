// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Runtime.InteropServices;

    /// <summary>Windows Firewall over COM (HNetCfg.FwPolicy2), early bound. The only code that calls it.</summary>
    public class ComStore : IFirewallStore
    {
        const int Block = 0, Allow = 1, BatchSize = 64;
        const int NoEndpoint = unchecked((int)0x800706D9);
        static readonly Guid policyClass = new Guid("E2B3C97F-6AE1-41AC-817A-F6F92166D7DD");
        static readonly Guid ruleClass = new Guid("2C5BC43E-3369-4C33-AB0C-BE9469677AF4");
        readonly INetFwPolicy2 policy;
        readonly Func<INetFwRule3> createRule;

        public ComStore()
            : this((INetFwPolicy2)CreateObject(policyClass),
                delegate { return (INetFwRule3)CreateObject(ruleClass); }) { }

        /// <summary>CREATERULE creates a detached rule.</summary>
        public ComStore(INetFwPolicy2 policy, Func<INetFwRule3> createRule)
        {
            this.policy = policy;
            this.createRule = createRule;
            try
            {
                GetActiveProfiles();
            }
            catch (Exception error)
            {
                if (error.HResult != NoEndpoint) throw;
                throw new Refusal("service_stopped");
            }
        }

        static object CreateObject(Guid id)
        {
            return Activator.CreateInstance(Type.GetTypeFromCLSID(id, true));
        }

        public List<Rule> List()
        {
            List<Rule> listed = new List<Rule>();
            INetFwRules rules = policy.Rules;
            IEnumVariantRaw enumerator = (IEnumVariantRaw)rules.NewEnum;
            int size = IntPtr.Size == 8 ? 24 : 16, fetched;
            IntPtr buffer = Marshal.AllocCoTaskMem(BatchSize * size);
            try
            {
                do
                {
                    int result = enumerator.Next(BatchSize, buffer, out fetched);
                    if (result < 0) Marshal.ThrowExceptionForHR(result);
                    for (int i = 0; i < fetched; i++)
                        listed.Add(ComRule.ReadHeader(new IntPtr(buffer.ToInt64() + (long)i * size)));
                } while (fetched > 0);
            }
            finally
            {
                Marshal.FreeCoTaskMem(buffer);
                Marshal.FinalReleaseComObject(enumerator);
                Marshal.FinalReleaseComObject(rules);
            }
            return listed;
        }

        public Rule Read(Rule listed)
        {
            return ComRule.Read(listed);
        }

        public object Build(Rule rule)
        {
            return ComRule.Build(createRule, rule);
        }

        public void Add(object built)
        {
            policy.Rules.Add((INetFwRule3)built);
        }

        public void Rename(Rule existing, string name)
        {
            ((INetFwRule3)existing.Handle).Name = name;
        }

        public void Remove(string name)
        {
            policy.Rules.Remove(name);
        }

        public void SetEnabled(Rule existing, bool enabled)
        {
            ((INetFwRule3)existing.Handle).Enabled = enabled;
        }

        public Profile GetProfile(int number)
        {
            Profile profile = new Profile();
            profile.Enabled = policy.get_FirewallEnabled(number);
            profile.BlockInbound = policy.get_DefaultInboundAction(number) == Block;
            profile.BlockOutbound = policy.get_DefaultOutboundAction(number) == Block;
            profile.LogDropped = ProfileRegistry.ReadDroppedLogged(number);
            profile.ShieldsUp = policy.get_BlockAllInboundTraffic(number);
            return profile;
        }

        public void SetFirewallEnabled(int number, bool enabled)
        {
            policy.put_FirewallEnabled(number, enabled);
        }

        public void SetDefaultAction(int number, bool inbound, bool block)
        {
            if (inbound) policy.put_DefaultInboundAction(number, block ? Block : Allow);
            else policy.put_DefaultOutboundAction(number, block ? Block : Allow);
        }

        public int GetActiveProfiles()
        {
            return policy.CurrentProfileTypes;
        }

        public int GetModifyState()
        {
            return policy.LocalPolicyModifyState;
        }

        public List<string> GetExcludedInterfaces(int number)
        {
            object[] names = policy.get_ExcludedInterfaces(number) as object[];
            return new List<string>(names == null ? new string[0] : Array.ConvertAll(names, Convert.ToString));
        }

        public ProfilePolicy GetPolicy(int number)
        {
            return ProfileRegistry.ReadPolicy(number);
        }

        public void SetDroppedLogged(int number, bool logged)
        {
            ProfileRegistry.SetDroppedLogged(number, logged);
        }
    }
}
