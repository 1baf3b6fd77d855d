// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Globalization;
    using System.Runtime.InteropServices;

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
                return new Rule { Unreadable = true };
            IntPtr unknown = Marshal.ReadIntPtr(variant, 8);
            INetFwRule3 source = (INetFwRule3)Marshal.GetObjectForIUnknown(unknown);
            Marshal.Release(unknown);
            Rule rule = new Rule { Handle = source };
            try
            {
                rule.Name = source.Name ?? "";
                rule.Grouping = source.Grouping ?? "";
                rule.Enabled = source.Enabled;
            }
            catch (Exception)
            {
                // one damaged rule must not hide all others
                rule.Unreadable = true;
            }
            return rule;
        }

        /// <summary>Read all of a listed rule; one whose parts cannot be read is marked.</summary>
        public static Rule Read(Rule listed)
        {
            if (listed.Unreadable) return listed;
            try
            {
                return ReadAll(listed, (INetFwRule3)listed.Handle);
            }
            catch (Exception)
            {
                listed.Unreadable = true;
                return listed;
            }
        }

        static Rule ReadAll(Rule listed, INetFwRule3 source)
        {
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
            rule.Interfaces = JoinNames(source.Interfaces as object[]);
            rule.Profiles = source.Profiles;
            rule.EdgeTraversal = source.EdgeTraversalOptions;
            rule.SecureFlags = source.SecureFlags;
            rule.LocalUsers = source.LocalUserAuthorizedList ?? "";
            rule.RemoteUsers = source.RemoteUserAuthorizedList ?? "";
            rule.RemoteComputers = source.RemoteMachineAuthorizedList ?? "";
            rule.Owner = source.LocalUserOwner ?? "";
            rule.Package = source.LocalAppPackageId ?? "";
            return rule;
        }

        static string JoinNames(object[] names)
        {
            return names == null ? "" : String.Join(",", Array.ConvertAll(names, Convert.ToString));
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
                if (!String.IsNullOrEmpty(rule.Interfaces)) built.Interfaces = Array.ConvertAll<string,
                    object>(rule.Interfaces.Split(','), delegate(string name) { return name; });
                SetPeople(built, rule);
                if (rule.EdgeTraversal != 0) built.EdgeTraversalOptions = rule.EdgeTraversal;
                built.Action = rule.Allow ? Allow : Block;
                built.Enabled = rule.Enabled;
                return built;
            }
            catch (Exception error)
            {
                if (error is Refusal) throw;
                throw new Refusal("rule_refused", "rule", rule.Name, "error", "0x"
                    + error.HResult.ToString("X8", CultureInfo.InvariantCulture) + " " + error.Message);
            }
        }

        static void SetPeople(INetFwRule3 built, Rule rule)
        {
            if (rule.SecureFlags != 0) built.SecureFlags = rule.SecureFlags;
            if (!String.IsNullOrEmpty(rule.LocalUsers)) built.LocalUserAuthorizedList = rule.LocalUsers;
            if (!String.IsNullOrEmpty(rule.RemoteUsers)) built.RemoteUserAuthorizedList = rule.RemoteUsers;
            if (!String.IsNullOrEmpty(rule.RemoteComputers)) built.RemoteMachineAuthorizedList = rule.RemoteComputers;
            if (!String.IsNullOrEmpty(rule.Owner)) built.LocalUserOwner = rule.Owner;
            if (!String.IsNullOrEmpty(rule.Package)) built.LocalAppPackageId = rule.Package;
        }

        /// <summary>Windows reads an empty list as every address.</summary>
        static string RequireAddresses(string addresses)
        {
            if (String.IsNullOrEmpty(addresses))
                throw new Refusal("damaged", "problem",
                    "a rule has no addresses, which Windows would read as every address");
            return addresses;
        }
    }
}
