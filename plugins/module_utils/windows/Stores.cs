// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interop;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Stores
{
    /// <summary>Windows Firewall over COM (HNetCfg.FwPolicy2), early bound. Nothing else talks to it.</summary>
    public class ComStore : IFirewallStore
    {
        const int Inbound = 1, Outbound = 2, Block = 0, Allow = 1, Batch = 64, VariantDispatch = 9, VariantUnknown = 13;
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
                throw new PolicyException("the service of Windows Firewall does not run; start it: Set-Service -Name mpssvc -StartupType Automatic; Start-Service -Name mpssvc", error);
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
                    for (int i = 0; i < fetched; i++) found.Add(Glance(new IntPtr(buffer.ToInt64() + (long)i * size)));
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

        /// <summary>The rule in a VARIANT, whose pointer lies at offset 8 on 32 and 64 bit.</summary>
        static Rule Glance(IntPtr variant)
        {
            short kind = Marshal.ReadInt16(variant);
            if (kind != VariantDispatch && kind != VariantUnknown) throw new PolicyException("Windows Firewall lists something that is no rule (VARIANT type " + kind.ToString(CultureInfo.InvariantCulture) + ")");
            IntPtr unknown = Marshal.ReadIntPtr(variant, 8);
            INetFwRule3 rule = (INetFwRule3)Marshal.GetObjectForIUnknown(unknown);
            Marshal.Release(unknown);
            return new Rule { Name = rule.Name ?? "", Grouping = rule.Grouping ?? "", Enabled = rule.Enabled, Handle = rule };
        }

        public Rule Read(Rule listed)
        {
            INetFwRule3 rule = (INetFwRule3)listed.Handle;
            Rule found = new Rule { Name = listed.Name, Grouping = listed.Grouping, Enabled = listed.Enabled, Handle = rule };
            found.Description = rule.Description ?? "";
            found.Inbound = rule.Direction == Inbound;
            found.Allow = rule.Action == Allow;
            found.Protocol = rule.Protocol;
            if (found.HasPorts())
            {
                found.LocalPorts = rule.LocalPorts ?? "*";
                found.RemotePorts = rule.RemotePorts ?? "*";
            }
            if (found.HasIcmpTypes()) found.IcmpTypes = rule.IcmpTypesAndCodes ?? "*";
            found.LocalAddresses = rule.LocalAddresses ?? "*";
            found.RemoteAddresses = rule.RemoteAddresses ?? "*";
            found.Application = rule.ApplicationName ?? "";
            found.Service = rule.ServiceName ?? "";
            found.InterfaceTypes = rule.InterfaceTypes ?? "All";
            found.NamesInterfaces = rule.Interfaces != null;
            found.Profiles = rule.Profiles;
            found.EdgeTraversal = rule.EdgeTraversalOptions;
            found.SecureFlags = rule.SecureFlags;
            found.NamesPeople = !String.IsNullOrEmpty(rule.LocalUserAuthorizedList) || !String.IsNullOrEmpty(rule.RemoteUserAuthorizedList)
                || !String.IsNullOrEmpty(rule.RemoteMachineAuthorizedList) || !String.IsNullOrEmpty(rule.LocalUserOwner) || !String.IsNullOrEmpty(rule.LocalAppPackageId);
            return found;
        }

        /// <summary>
        /// The order of the setters matters: each checks against what is set already. Enabled comes last, as a new rule is not. What a new rule has anyway
        /// is not set.
        /// </summary>
        public object Build(Rule rule)
        {
            try
            {
                INetFwRule3 built = create();
                built.Name = rule.Name;
                built.Description = rule.Description;
                built.Grouping = rule.Grouping;
                built.Direction = rule.Inbound ? Inbound : Outbound;
                built.Protocol = rule.Protocol;
                if (rule.HasPorts())
                {
                    built.LocalPorts = rule.LocalPorts;
                    built.RemotePorts = rule.RemotePorts;
                }
                if (rule.HasIcmpTypes() && rule.IcmpTypes != "*") built.IcmpTypesAndCodes = rule.IcmpTypes;
                if (rule.LocalAddresses != "*") built.LocalAddresses = NotEmpty(rule.LocalAddresses);
                built.RemoteAddresses = NotEmpty(rule.RemoteAddresses);
                if (!String.IsNullOrEmpty(rule.Application)) built.ApplicationName = rule.Application;
                if (!String.IsNullOrEmpty(rule.Service)) built.ServiceName = rule.Service;
                if (rule.InterfaceTypes != "All") built.InterfaceTypes = rule.InterfaceTypes;
                built.Profiles = rule.Profiles;
                if (rule.EdgeTraversal != 0) built.EdgeTraversalOptions = rule.EdgeTraversal;
                built.Action = rule.Allow ? Allow : Block;
                built.Enabled = rule.Enabled;
                return built;
            }
            catch (Exception error)
            {
                if (error is PolicyException) throw;
                throw new PolicyException("Windows Firewall refuses the rule '" + rule.Name + "' (0x" + error.HResult.ToString("X8", CultureInfo.InvariantCulture) + " " + error.Message + "): " + rule.Canonical() + ". Nothing was changed", error);
            }
        }

        /// <summary>Windows takes an empty list for every address.</summary>
        static string NotEmpty(string addresses)
        {
            if (String.IsNullOrEmpty(addresses)) throw new PolicyException("a rule has no addresses, which Windows would take for every address");
            return addresses;
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
