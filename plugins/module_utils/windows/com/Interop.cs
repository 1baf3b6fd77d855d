// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Runtime.InteropServices;

    // The order of members is the vtable (netfw.h): getters before setters, nothing inherited, parameterised properties
    // as plain methods.
    [ComImport, Guid("98325047-C671-4174-8D81-DEFCD3F03186"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface INetFwPolicy2
    {
        int CurrentProfileTypes { get; }
        [return: MarshalAs(UnmanagedType.VariantBool)]
        bool get_FirewallEnabled(int profile);
        void put_FirewallEnabled(int profile, [MarshalAs(UnmanagedType.VariantBool)] bool enabled);
        [return: MarshalAs(UnmanagedType.Struct)]
        object get_ExcludedInterfaces(int profile);
        void put_ExcludedInterfaces(int profile, [MarshalAs(UnmanagedType.Struct)] object interfaces);
        [return: MarshalAs(UnmanagedType.VariantBool)]
        bool get_BlockAllInboundTraffic(int profile);
        void put_BlockAllInboundTraffic(int profile, [MarshalAs(UnmanagedType.VariantBool)] bool block);
        [return: MarshalAs(UnmanagedType.VariantBool)]
        bool get_NotificationsDisabled(int profile);
        void put_NotificationsDisabled(int profile, [MarshalAs(UnmanagedType.VariantBool)] bool disabled);
        [return: MarshalAs(UnmanagedType.VariantBool)]
        bool get_UnicastResponsesToMulticastBroadcastDisabled(int profile);
        void put_UnicastResponsesToMulticastBroadcastDisabled(int profile,
            [MarshalAs(UnmanagedType.VariantBool)] bool disabled);
        INetFwRules Rules { [return: MarshalAs(UnmanagedType.Interface)] get; }
        object ServiceRestriction { [return: MarshalAs(UnmanagedType.IUnknown)] get; }
        void EnableRuleGroup(int profiles, [MarshalAs(UnmanagedType.BStr)] string group,
            [MarshalAs(UnmanagedType.VariantBool)] bool enable);
        [return: MarshalAs(UnmanagedType.VariantBool)]
        bool IsRuleGroupEnabled(int profiles, [MarshalAs(UnmanagedType.BStr)] string group);
        void RestoreLocalFirewallDefaults();
        int get_DefaultInboundAction(int profile);
        void put_DefaultInboundAction(int profile, int action);
        int get_DefaultOutboundAction(int profile);
        void put_DefaultOutboundAction(int profile, int action);
        [return: MarshalAs(UnmanagedType.VariantBool)]
        bool get_IsRuleGroupCurrentlyEnabled([MarshalAs(UnmanagedType.BStr)] string group);
        int LocalPolicyModifyState { get; }
    }

    [ComImport, Guid("9C4C6277-5027-441E-AFAE-CA1F542DA009"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface INetFwRules
    {
        int Count { get; }
        void Add([MarshalAs(UnmanagedType.Interface)] INetFwRule3 rule);
        void Remove([MarshalAs(UnmanagedType.BStr)] string name);
        [return: MarshalAs(UnmanagedType.IUnknown)]
        object Item([MarshalAs(UnmanagedType.BStr)] string name);
        object NewEnum { [return: MarshalAs(UnmanagedType.IUnknown)] get; }
    }

    // Raw pointers: ComTypes.IEnumVARIANT.Next(object[]) crashes mono, and a raw VARIANT needs no marshaller on any
    // runtime.
    [ComImport, Guid("00020404-0000-0000-C000-000000000046"), InterfaceType(ComInterfaceType.InterfaceIsIUnknown)]
    public interface IEnumVariantRaw
    {
        [PreserveSig]
        int Next(int count, IntPtr variants, out int fetched);
        [PreserveSig]
        int Skip(int count);
        [PreserveSig]
        int Reset();
        [PreserveSig]
        int Clone(out IntPtr clone);
    }

    [ComImport, Guid("B21563FF-D696-4222-AB46-4E89B73AB34A"), InterfaceType(ComInterfaceType.InterfaceIsDual)]
    public interface INetFwRule3
    {
        string Name { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        string Description { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        string ApplicationName
        {
            [return: MarshalAs(UnmanagedType.BStr)] get;
            [param: MarshalAs(UnmanagedType.BStr)] set;
        }
        string ServiceName { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        int Protocol { get; set; }
        string LocalPorts { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        string RemotePorts { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        string LocalAddresses
        {
            [return: MarshalAs(UnmanagedType.BStr)] get;
            [param: MarshalAs(UnmanagedType.BStr)] set;
        }
        string RemoteAddresses
        {
            [return: MarshalAs(UnmanagedType.BStr)] get;
            [param: MarshalAs(UnmanagedType.BStr)] set;
        }
        string IcmpTypesAndCodes
        {
            [return: MarshalAs(UnmanagedType.BStr)] get;
            [param: MarshalAs(UnmanagedType.BStr)] set;
        }
        int Direction { get; set; }
        object Interfaces
        {
            [return: MarshalAs(UnmanagedType.Struct)] get;
            [param: MarshalAs(UnmanagedType.Struct)] set;
        }
        string InterfaceTypes
        {
            [return: MarshalAs(UnmanagedType.BStr)] get;
            [param: MarshalAs(UnmanagedType.BStr)] set;
        }
        bool Enabled
        {
            [return: MarshalAs(UnmanagedType.VariantBool)] get;
            [param: MarshalAs(UnmanagedType.VariantBool)] set;
        }
        string Grouping { [return: MarshalAs(UnmanagedType.BStr)] get; [param: MarshalAs(UnmanagedType.BStr)] set; }
        int Profiles { get; set; }
        bool EdgeTraversal
        {
            [return: MarshalAs(UnmanagedType.VariantBool)] get;
            [param: MarshalAs(UnmanagedType.VariantBool)] set;
        }
        int Action { get; set; }
        int EdgeTraversalOptions { get; set; }
        string LocalAppPackageId
        {
            [return: MarshalAs(UnmanagedType.BStr)] get;
            [param: MarshalAs(UnmanagedType.BStr)] set;
        }
        string LocalUserOwner
        {
            [return: MarshalAs(UnmanagedType.BStr)] get;
            [param: MarshalAs(UnmanagedType.BStr)] set;
        }
        string LocalUserAuthorizedList
        {
            [return: MarshalAs(UnmanagedType.BStr)] get;
            [param: MarshalAs(UnmanagedType.BStr)] set;
        }
        string RemoteUserAuthorizedList
        {
            [return: MarshalAs(UnmanagedType.BStr)] get;
            [param: MarshalAs(UnmanagedType.BStr)] set;
        }
        string RemoteMachineAuthorizedList
        {
            [return: MarshalAs(UnmanagedType.BStr)] get;
            [param: MarshalAs(UnmanagedType.BStr)] set;
        }
        int SecureFlags { get; set; }
    }
}
