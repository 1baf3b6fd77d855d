using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>
    /// Calls everything in the shipped adapter, with COM objects written in C, and prints the answers as JSON.
    /// </summary>
    public static class ComDriver
    {
        [DllImport("./libserver.so")] static extern IntPtr make_policy();
        [DllImport("./libserver.so")] static extern IntPtr make_rule();
        [DllImport("./libserver.so")] static extern IntPtr take_journal();
        [DllImport("./libserver.so")] static extern IntPtr text_of(int index, int slot);
        [DllImport("./libserver.so")] static extern int number_of(int index, int slot);
        [DllImport("./libserver.so")] static extern int rule_count();
        [DllImport("./libserver.so")] static extern int living_objects();
        [DllImport("./libserver.so")] static extern void fail_at(int slot);
        static readonly Dictionary<string, object> answers = new Dictionary<string, object>();

        static void Call(string what, Func<object> action)
        {
            Dictionary<string, object> answer = new Dictionary<string, object>();
            take_journal();
            try
            {
                answer["answer"] = action();
            }
            catch (Refusal error)
            {
                answer["refused"] = error.ToString();
            }
            catch (Exception error)
            {
                answer["error"] = "0x" + error.HResult.ToString("X8");
            }
            answer["calls"] = new List<object>(Marshal.PtrToStringAnsi(take_journal()).Split(new char[] { '\n' },
                StringSplitOptions.RemoveEmptyEntries));
            answers[what] = answer;
        }

        static Rule CreateSample()
        {
            return new Rule
            {
                Name = "portmatrix/a in tcp",
                Description = "Flows: a. Source: b",
                Grouping = "portmatrix",
                Protocol = 6,
                LocalPorts = "22,80-90",
                RemoteAddresses = "10.0.0.0/8,2001:db8::/64",
            };
        }

        static object BuildWithAddresses(ComStore store, string addresses)
        {
            Rule rule = CreateSample();
            rule.RemoteAddresses = addresses;
            return store.Build(rule);
        }

        static int AddWithProtocol(ComStore store, int protocol)
        {
            Rule rule = CreateSample();
            rule.Protocol = protocol;
            rule.LocalPorts = "*";
            store.Add(store.Build(rule));
            return number_of(rule_count() - 1, 15);
        }

        public static int Main()
        {
            INetFwPolicy2 policy = (INetFwPolicy2)Marshal.GetObjectForIUnknown(make_policy());
            ComStore store = new ComStore(policy,
                delegate { return (INetFwRule3)Marshal.GetObjectForIUnknown(make_rule()); });
            Call("current", delegate { return store.GetActiveProfiles(); });
            Call("modify", delegate { return store.GetModifyState(); });
            Call("on", delegate { store.SetFirewallEnabled(2, true); return store.GetProfile(2).Enabled; });
            Call("off", delegate { store.SetFirewallEnabled(2, false); return store.GetProfile(2).Enabled; });
            Call("inbound", delegate
            {
                store.SetDefaultAction(1, true, false);
                return store.GetProfile(1).BlockInbound;
            });
            Call("outbound", delegate
            {
                store.SetDefaultAction(4, false, true);
                return store.GetProfile(4).BlockOutbound;
            });
            Call("shields", delegate { return store.GetProfile(4).ShieldsUp && !store.GetProfile(1).ShieldsUp; });
            Call("build", delegate { store.Add(store.Build(CreateSample())); return rule_count(); });
            Call("stored", ReadStored);
            string sample = CreateSample().GetManagedText();
            Call("read", delegate { return store.Read(store.List()[0]).GetManagedText() == sample; });
            Call("icmp", delegate { return AddWithProtocol(store, 58); });
            Call("esp", delegate { return AddWithProtocol(store, 50); });
            Call("everything", delegate
            {
                Rule rule = new Rule { Name = "a", Protocol = 1, IcmpTypes = "8:*", LocalAddresses = "10.0.0.9" };
                rule.InterfaceTypes = "Lan";
                rule.EdgeTraversal = 1;
                rule.Application = "C:\\x";
                rule.Service = "y";
                rule.Inbound = rule.Allow = false;
                return store.Build(rule) != null;
            });
            Rule forbidden = new Rule { Name = "a|b" };
            Call("forbidden name", delegate { return store.Build(forbidden); });
            Call("loopback", delegate { return BuildWithAddresses(store, "::1"); });
            Call("empty", delegate { return BuildWithAddresses(store, ""); });
            Call("switch", delegate { store.SetEnabled(store.List()[0], false); return number_of(0, 33); });
            Call("rename", delegate
            {
                store.Rename(store.List()[1], "unique");
                return Marshal.PtrToStringAnsi(text_of(1, 7));
            });
            Call("remove", delegate { store.Remove("unique"); return rule_count(); });
            Call("remove again", delegate { store.Remove("unique"); return null; });
            for (int i = 0; i < 200; i++) store.Add(store.Build(CreateSample()));
            Call("many rules", delegate { return store.List().Count; });
            Call("no leaks", delegate
            {
                int before = living_objects();
                store.List();
                return living_objects() - before;
            });
            fail_at(7);
            Call("service stopped", delegate { return new ComStore(policy, null); });
            Console.WriteLine(JsonWriter.Serialize(answers));
            return 0;
        }

        static object ReadStored()
        {
            List<object> values = new List<object>();
            foreach (int slot in new int[] { 7, 9, 11, 13, 17, 19, 21, 23, 31, 35 })
                values.Add(Marshal.PtrToStringAnsi(text_of(0, slot)));
            foreach (int slot in new int[] { 15, 27, 33, 37, 41, 43 }) values.Add((long)number_of(0, slot));
            return values;
        }
    }
}
