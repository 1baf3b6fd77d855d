// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Globalization;
using System.Runtime.InteropServices;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interop;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.RuleObjects
{
    /// <summary>Rules between their COM objects and ours.</summary>
    public static class RuleObject
    {
        const int Inbound = 1, Outbound = 2, Block = 0, Allow = 1, VariantDispatch = 9, VariantUnknown = 13;

        /// <summary>The rule in a VARIANT, whose pointer lies at offset 8 on 32 and 64 bit.</summary>
        public static Rule Glance(IntPtr variant)
        {
            short kind = Marshal.ReadInt16(variant);
            if (kind != VariantDispatch && kind != VariantUnknown)
                throw new PolicyException("Windows Firewall lists something that is no rule (VARIANT type "
                    + kind.ToString(CultureInfo.InvariantCulture) + ")");
            IntPtr unknown = Marshal.ReadIntPtr(variant, 8);
            INetFwRule3 rule = (INetFwRule3)Marshal.GetObjectForIUnknown(unknown);
            Marshal.Release(unknown);
            return new Rule { Name = rule.Name ?? "", Grouping = rule.Grouping ?? "", Enabled = rule.Enabled, Handle = rule };
        }

        /// <summary>A listed rule in full.</summary>
        public static Rule Read(Rule listed)
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
                || !String.IsNullOrEmpty(rule.RemoteMachineAuthorizedList) || !String.IsNullOrEmpty(rule.LocalUserOwner)
                    || !String.IsNullOrEmpty(rule.LocalAppPackageId);
            return found;
        }

        /// <summary>
        /// A detached rule that says what RULE says. The order of the setters matters: each checks against what is set already. Enabled comes last, as a
        /// new rule is not. What a new rule has anyway is not set.
        /// </summary>
        public static INetFwRule3 Fill(Func<INetFwRule3> create, Rule rule)
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
                throw new PolicyException("Windows Firewall refuses the rule '" + rule.Name + "' (0x"
                    + error.HResult.ToString("X8", CultureInfo.InvariantCulture) + " " + error.Message + "): " + rule.Canonical() + ". Nothing was changed",
                    error);
            }
        }

        /// <summary>Windows takes an empty list for every address.</summary>
        static string NotEmpty(string addresses)
        {
            if (String.IsNullOrEmpty(addresses)) throw new PolicyException("a rule has no addresses, which Windows would take for every address");
            return addresses;
        }
    }
}
