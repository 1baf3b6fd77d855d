// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Microsoft.Win32;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interop;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.RuleObjects;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Stores
{
    /// <summary>Windows Firewall over COM (HNetCfg.FwPolicy2), early bound. Nothing else talks to it.</summary>
    public class ComStore : IFirewallStore
    {
        const int Block = 0, Allow = 1, Batch = 64;
        const int NoEndpoint = unchecked((int)0x800706D9);
        const string Policies = @"SOFTWARE\Policies\Microsoft\WindowsFirewall\";
        static readonly Guid policyClass = new Guid("E2B3C97F-6AE1-41AC-817A-F6F92166D7DD"), ruleClass = new Guid("2C5BC43E-3369-4C33-AB0C-BE9469677AF4");
        readonly INetFwPolicy2 policy;
        readonly Func<INetFwRule3> create;

        public ComStore() : this((INetFwPolicy2)Create(policyClass), delegate { return (INetFwRule3)Create(ruleClass); }) { }

        /// <summary>CREATE makes a detached rule.</summary>
        public ComStore(INetFwPolicy2 policy, Func<INetFwRule3> create)
        {
            this.policy = policy;
            this.create = create;
            try
            {
                CurrentProfiles();
            }
            catch (Exception error)
            {
                if (error.HResult != NoEndpoint) throw;
                throw new PolicyException("the service of Windows Firewall does not run; start it: Set-Service -Name mpssvc -StartupType Automatic; "
                    + "Start-Service -Name mpssvc", error);
            }
        }

        static object Create(Guid id)
        {
            return Activator.CreateInstance(Type.GetTypeFromCLSID(id, true));
        }

        public List<Rule> List()
        {
            List<Rule> found = new List<Rule>();
            INetFwRules rules = policy.Rules;
            IEnumVariantRaw enumerator = (IEnumVariantRaw)rules.NewEnum;
            int size = IntPtr.Size == 8 ? 24 : 16, fetched;
            IntPtr buffer = Marshal.AllocCoTaskMem(Batch * size);
            try
            {
                do
                {
                    int result = enumerator.Next(Batch, buffer, out fetched);
                    if (result < 0) Marshal.ThrowExceptionForHR(result);
                    for (int i = 0; i < fetched; i++) found.Add(RuleObject.Glance(new IntPtr(buffer.ToInt64() + (long)i * size)));
                } while (fetched > 0);
            }
            finally
            {
                Marshal.FreeCoTaskMem(buffer);
                Marshal.FinalReleaseComObject(enumerator);
                Marshal.FinalReleaseComObject(rules);
            }
            return found;
        }

        public Rule Read(Rule listed)
        {
            return RuleObject.Read(listed);
        }

        public object Build(Rule rule)
        {
            return RuleObject.Fill(create, rule);
        }

        public void Add(object built)
        {
            policy.Rules.Add((INetFwRule3)built);
        }

        public void Rename(Rule found, string name)
        {
            ((INetFwRule3)found.Handle).Name = name;
        }

        public void Remove(string name)
        {
            policy.Rules.Remove(name);
        }

        public void SetEnabled(Rule found, bool on)
        {
            ((INetFwRule3)found.Handle).Enabled = on;
        }

        public Profile GetProfile(int number)
        {
            Profile profile = new Profile();
            profile.Enabled = policy.get_FirewallEnabled(number);
            profile.BlockInbound = policy.get_DefaultInboundAction(number) == Block;
            profile.BlockOutbound = policy.get_DefaultOutboundAction(number) == Block;
            profile.ShieldsUp = policy.get_BlockAllInboundTraffic(number);
            return profile;
        }

        public void SetFirewallEnabled(int number, bool on)
        {
            policy.put_FirewallEnabled(number, on);
        }

        public void SetDefault(int number, bool inbound, bool block)
        {
            if (inbound) policy.put_DefaultInboundAction(number, block ? Block : Allow);
            else policy.put_DefaultOutboundAction(number, block ? Block : Allow);
        }

        public int CurrentProfiles()
        {
            return policy.CurrentProfileTypes;
        }

        public int ModifyState()
        {
            return policy.LocalPolicyModifyState;
        }

        public bool LocalRulesCount(int number)
        {
            string profile = number == 1 ? "DomainProfile" : number == 2 ? "PrivateProfile" : "PublicProfile";
            using (RegistryKey machine = RegistryKey.OpenBaseKey(RegistryHive.LocalMachine, RegistryView.Registry64))
            using (RegistryKey key = machine.OpenSubKey(Policies + profile))
                return key == null || !Object.Equals(key.GetValue("AllowLocalPolicyMerge"), 0);
        }
    }
}
