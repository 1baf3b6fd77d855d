// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Globalization;
using System.Runtime.InteropServices;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interop;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.ComRules
{
    /// <summary>Converts rules between COM objects and Rule.</summary>
    public static class ComRule
    {
        const int Inbound = 1, Outbound = 2, Block = 0, Allow = 1, VariantDispatch = 9, VariantUnknown = 13;

        /// <summary>
        /// Read Name, Grouping, Enabled and Handle of the rule in a VARIANT, whose pointer is at offset 8 on 32 and 64
        /// bit.
        /// </summary>
        public static Rule ReadHeader(IntPtr variant)
        {
            short kind = Marshal.ReadInt16(variant);
            if (kind != VariantDispatch && kind != VariantUnknown)
                throw new PolicyException("Windows Firewall lists an object that is not a rule (VARIANT type "
                    + kind.ToString(CultureInfo.InvariantCulture) + ")");
            IntPtr unknown = Marshal.ReadIntPtr(variant, 8);
            INetFwRule3 source = (INetFwRule3)Marshal.GetObjectForIUnknown(unknown);
            Marshal.Release(unknown);
            return new Rule
            {
                Name = source.Name ?? "",
                Grouping = source.Grouping ?? "",
                Enabled = source.Enabled,
                Handle = source,
            };
        }

        /// <summary>Read all of a listed rule.</summary>
        public static Rule Read(Rule listed)
        {
            INetFwRule3 source = (INetFwRule3)listed.Handle;
            Rule rule = new Rule
            {
                Name = listed.Name,
                Grouping = listed.Grouping,
                Enabled = listed.Enabled,
                Handle = source,
            };
            rule.Description = source.Description ?? "";
            rule.Inbound = source.Direction == Inbound;
            rule.Allow = source.Action == Allow;
            rule.Protocol = source.Protocol;
            if (rule.HasPorts())
            {
                rule.LocalPorts = source.LocalPorts ?? "*";
                rule.RemotePorts = source.RemotePorts ?? "*";
            }
            if (rule.HasIcmpTypes()) rule.IcmpTypes = source.IcmpTypesAndCodes ?? "*";
            rule.LocalAddresses = source.LocalAddresses ?? "*";
            rule.RemoteAddresses = source.RemoteAddresses ?? "*";
            rule.Application = source.ApplicationName ?? "";
            rule.Service = source.ServiceName ?? "";
            rule.InterfaceTypes = source.InterfaceTypes ?? "All";
            rule.NamesInterfaces = source.Interfaces != null;
            rule.Profiles = source.Profiles;
            rule.EdgeTraversal = source.EdgeTraversalOptions;
            rule.SecureFlags = source.SecureFlags;
            rule.NamesPeople = !String.IsNullOrEmpty(source.LocalUserAuthorizedList)
                || !String.IsNullOrEmpty(source.RemoteUserAuthorizedList)
                || !String.IsNullOrEmpty(source.RemoteMachineAuthorizedList)
                || !String.IsNullOrEmpty(source.LocalUserOwner)
                || !String.IsNullOrEmpty(source.LocalAppPackageId);
            return rule;
        }

        /// <summary>
        /// Build a detached COM rule from RULE. The order of the setters matters: each one validates against what is
        /// set already. Enabled is last, as a new rule is disabled. Defaults of a new rule are not set.
        /// </summary>
        public static INetFwRule3 Build(Func<INetFwRule3> create, Rule rule)
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
                if (rule.LocalAddresses != "*") built.LocalAddresses = RequireAddresses(rule.LocalAddresses);
                built.RemoteAddresses = RequireAddresses(rule.RemoteAddresses);
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
                    + error.HResult.ToString("X8", CultureInfo.InvariantCulture) + " " + error.Message + "): "
                    + rule.ToCanonicalText() + ". Nothing was changed", error);
            }
        }

        /// <summary>Windows reads an empty list as every address.</summary>
        static string RequireAddresses(string addresses)
        {
            if (String.IsNullOrEmpty(addresses))
                throw new PolicyException("a rule has no addresses, which Windows would read as every address");
            return addresses;
        }
    }
}
