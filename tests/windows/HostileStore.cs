using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace PortmatrixTests
{
    /// <summary>A rule as Windows stores it; also its handle.</summary>
    public class StoredRule
    {
        public Rule Rule;
        public override string ToString() { return Rule.Name; }
    }

    /// <summary>
    /// Windows Firewall at its worst: rules are read back in another notation than written, in another order every
    /// time; names are not unique, and Remove removes any of those that match; it refuses what Windows refuses; it
    /// fails at operation FailAt. After each operation it calls AfterOperation.
    /// </summary>
    public class HostileStore : IFirewallStore
    {
        public readonly List<StoredRule> Rules = new List<StoredRule>();
        public readonly Dictionary<int, Profile> Profiles = new Dictionary<int, Profile>();
        public readonly List<string> Journal = new List<string>();
        public int ActiveProfiles = 1, ModifyState, FailAt = -1;
        public bool Dead, AllowsLocal = true;
        public Action AfterOperation = delegate { };
        readonly Random random;

        public HostileStore(int seed)
        {
            random = new Random(seed);
            foreach (int number in Profile.Numbers)
                Profiles[number] = new Profile { Enabled = true, BlockInbound = true };
        }

        void Operate(string what, Action change)
        {
            if (Dead || Journal.Count == FailAt)
            {
                FailAt = -1;
                throw new InvalidOperationException("The remote procedure call failed. (0x800706BE)");
            }
            Journal.Add(what);
            change();
            AfterOperation();
        }

        public List<Rule> List()
        {
            List<Rule> listed = new List<Rule>();
            foreach (StoredRule stored in Rules) listed.Insert(random.Next(listed.Count + 1),
                new Rule { Name = stored.Rule.Name, Grouping = stored.Rule.Grouping, Enabled = stored.Rule.Enabled,
                Handle = stored });
            return listed;
        }

        public Rule Read(Rule listed)
        {
            StoredRule stored = (StoredRule)listed.Handle;
            Rule rule = Rule.FromData(stored.Rule.ToData());
            rule.Handle = stored;
            rule.RemoteAddresses = RewriteAddresses(rule.RemoteAddresses);
            rule.LocalPorts = ShuffleItems(rule.LocalPorts);
            rule.RemotePorts = ShuffleItems(rule.RemotePorts);
            if (!rule.HasPorts()) rule.LocalPorts = rule.RemotePorts = ChooseEither("", null);
            if (rule.Profiles == Rule.AllProfiles) rule.Profiles = random.Next(2) == 0 ? 7 : Rule.AllProfiles;
            rule.Application = String.IsNullOrEmpty(rule.Application) ? ChooseEither("", null) : rule.Application;
            rule.Service = String.IsNullOrEmpty(rule.Service) ? ChooseEither("", null) : rule.Service;
            rule.InterfaceTypes = rule.InterfaceTypes == "All" ? ChooseEither("All", "") : rule.InterfaceTypes;
            if (rule.HasIcmpTypes() && rule.IcmpTypes == "*") rule.IcmpTypes = ChooseEither("*", "*:*");
            return rule;
        }

        string ChooseEither(string a, string b)
        {
            return random.Next(2) == 0 ? a : b;
        }

        string ShuffleItems(string text)
        {
            if (text == null || text.IndexOf(',') < 0) return text;
            List<string> parts = new List<string>();
            foreach (string part in text.Split(',')) parts.Insert(random.Next(parts.Count + 1), part);
            return String.Join(",", parts.ToArray()) + ChooseEither("", ",");
        }

        string RewriteAddresses(string text)
        {
            if (text == "*" || text.IndexOf('.') < 0 && text.IndexOf(':') < 0) return text;
            List<string> parts = new List<string>();
            foreach (string part in text.Split(',')) parts.Insert(random.Next(parts.Count + 1), RewriteAddress(part));
            if (random.Next(4) == 0) parts.Add(parts[0]);
            return String.Join(",", parts.ToArray());
        }

        string RewriteAddress(string part)
        {
            Range range = Range.Parse(part);
            if (range == null) return part;
            string first = new IPAddress(range.First).ToString(), last = new IPAddress(range.Last).ToString();
            if (part.IndexOf(':') >= 0)
                return part.EndsWith("/128", StringComparison.Ordinal)
                    ? first + "-" + first : ChooseEither(part, first + "-" + last);
            int slash = part.IndexOf('/');
            if (slash < 0 || part.EndsWith("/32", StringComparison.Ordinal))
                return ChooseEither(first, first + "/255.255.255.255");
            byte[] mask = new byte[4];
            for (int i = 0; i < 4; i++) mask[i] = (byte)~(range.First[i] ^ range.Last[i]);
            return ChooseEither(first + "/" + new IPAddress(mask), first + "-" + last);
        }

        public object Build(Rule rule)
        {
            if (rule.Name.Length == 0 || rule.Name == "all" || rule.Name.IndexOf('|') >= 0
                || rule.Description.IndexOf('|') >= 0 || rule.Name.Length > 10000
                || rule.Description.Length > 10000)
                throw CreateRefusal(rule, "name or description");
            if (!rule.HasPorts() && (LimitsPorts(rule.LocalPorts) || LimitsPorts(rule.RemotePorts)))
                throw CreateRefusal(rule, "ports without TCP or UDP");
            // not everything that is read back can be written
            if ((rule.LocalPorts + "," + rule.RemotePorts).IndexOf(",,", StringComparison.Ordinal) >= 0
                || (rule.RemotePorts ?? "").EndsWith(",", StringComparison.Ordinal)) throw CreateRefusal(rule,
                "ports that end with a comma");
            string[] parts = rule.RemoteAddresses.Split(',');
            if (parts.Length > 1000) throw CreateRefusal(rule, "more than 1000 addresses");
            Rule stored = Rule.FromData(rule.ToData());
            if (stored.RemoteAddresses.Length == 0) stored.RemoteAddresses = "*";
            foreach (string part in stored.RemoteAddresses.Split(','))
                if (part != "*" && Char.IsDigit(part[0]) && Range.Parse(part) == null
                    || part.StartsWith("::1", StringComparison.Ordinal)
                    && part.Length == 3) throw CreateRefusal(rule, "address " + part);
            return new StoredRule { Rule = stored };
        }

        static bool LimitsPorts(string ports) { return !String.IsNullOrEmpty(ports) && ports != "*"; }

        static PolicyException CreateRefusal(Rule rule, string what)
        {
            return new PolicyException("Windows Firewall refuses the rule '" + rule.Name + "': " + what);
        }

        public void Add(object built)
        {
            StoredRule stored = (StoredRule)built;
            Operate("add " + stored, delegate { Rules.Insert(random.Next(Rules.Count + 1), stored); });
        }

        public void Rename(Rule existing, string name)
        {
            StoredRule stored = (StoredRule)existing.Handle;
            Operate("rename " + stored, delegate { stored.Rule.Name = name; });
        }

        public void Remove(string name)
        {
            Operate("remove " + name, delegate
            {
                List<StoredRule> matching =
                    Rules.FindAll(delegate(StoredRule stored) { return stored.Rule.Name == name; });
                if (matching.Count > 0) Rules.Remove(matching[random.Next(matching.Count)]);
            });
        }

        public void SetEnabled(Rule existing, bool enabled)
        {
            StoredRule stored = (StoredRule)existing.Handle;
            Operate("switch " + stored, delegate { stored.Rule.Enabled = enabled; });
        }

        public Profile GetProfile(int number) { return Profiles[number].Copy(); }

        public void SetFirewallEnabled(int number,
            bool enabled) { Operate("profile", delegate { Profiles[number].Enabled = enabled; }); }

        public void SetDefaultAction(int number, bool inbound, bool block)
        {
            Operate("default", delegate
            {
                if (inbound) Profiles[number].BlockInbound = block;
                else Profiles[number].BlockOutbound = block;
            });
        }

        public int GetActiveProfiles() { return ActiveProfiles; }

        public int GetModifyState() { return ModifyState; }

        public bool AllowsLocalRules(int number) { return AllowsLocal; }
    }

    /// <summary>A range of addresses, by .NET's own parser: shares no code with the code under test.</summary>
    public class Range
    {
        public byte[] First, Last;

        public static Range Parse(string text)
        {
            string[] ends = text.Split('-');
            IPAddress first, last;
            if (ends.Length == 2)
                return IPAddress.TryParse(ends[0], out first) && IPAddress.TryParse(ends[1], out last)
                    ? new Range { First = first.GetAddressBytes(), Last = last.GetAddressBytes() } : null;
            string[] words = text.Split('/');
            if (!IPAddress.TryParse(words[0], out first)) return null;
            Range range = new Range { First = first.GetAddressBytes(), Last = first.GetAddressBytes() };
            byte[] mask = null;
            int prefix = range.First.Length * 8;
            if (words.Length == 2 && words[1].IndexOf('.') >= 0) mask = IPAddress.Parse(words[1]).GetAddressBytes();
            else if (words.Length == 2) prefix = Int32.Parse(words[1]);
            for (int bit = 0; bit < range.First.Length * 8; bit++)
            {
                byte one = (byte)(0x80 >> (bit % 8));
                if (mask == null ? bit < prefix : (mask[bit / 8] & one) != 0) continue;
                range.First[bit / 8] &= (byte)~one;
                range.Last[bit / 8] |= one;
            }
            return range;
        }

        public bool Contains(byte[] address)
        {
            return address.Length == First.Length && Compare(First, address) <= 0 && Compare(address, Last) <= 0;
        }

        public static int Compare(byte[] a, byte[] b)
        {
            if (a.Length != b.Length) return a.Length - b.Length;
            for (int i = 0; i < a.Length; i++) if (a[i] != b[i]) return a[i] - b[i];
            return 0;
        }
    }

    /// <summary>Evaluates packets rule by rule, from the texts that Windows stores.</summary>
    public static class PacketEvaluator
    {
        public static bool IsAllowed(HostileStore store, bool inbound, int protocol, string peer, int port)
        {
            foreach (int number in Profile.Numbers)
                if ((store.ActiveProfiles & number) != 0
                    && !IsAllowed(store, number, inbound, protocol, IPAddress.Parse(peer).GetAddressBytes(),
                    port)) return false;
            return true;
        }

        static bool IsAllowed(HostileStore store, int number, bool inbound, int protocol, byte[] peer, int port)
        {
            Profile profile = store.Profiles[number];
            if (!profile.Enabled) return true;
            if (inbound && profile.ShieldsUp) return false;
            bool allowed = false;
            foreach (StoredRule stored in store.Rules)
            {
                Rule rule = stored.Rule;
                if (!rule.Enabled || rule.Inbound != inbound || (rule.Profiles & number) == 0
                    || !String.IsNullOrEmpty(rule.Application)) continue;
                if (rule.Protocol != 256 && rule.Protocol != protocol
                    || !HasPort(inbound ? rule.LocalPorts : rule.RemotePorts, port)
                    || !HasAddress(rule.RemoteAddresses, peer)) continue;
                if (!rule.Allow) return false;
                allowed = true;
            }
            return allowed || !(inbound ? profile.BlockInbound : profile.BlockOutbound);
        }

        static bool HasPort(string ports, int port)
        {
            if (ports == "*") return true;
            foreach (string part in ports.Split(new char[] { ',' }, StringSplitOptions.RemoveEmptyEntries))
            {
                string[] ends = part.Split('-');
                if (Int32.Parse(ends[0]) <= port && port <= Int32.Parse(ends[ends.Length - 1])) return true;
            }
            return false;
        }

        static bool HasAddress(string addresses, byte[] peer)
        {
            if (addresses == "*") return true;
            foreach (string part in addresses.Split(','))
            {
                Range range = Range.Parse(part);
                if (range != null && range.Contains(peer)) return true;
            }
            return false;
        }

        /// <summary>
        /// All rules and settings of the store, addresses as merged ranges: equal stores have the same text.
        /// </summary>
        public static string Dump(HostileStore store)
        {
            List<string> lines = new List<string>();
            foreach (StoredRule stored in store.Rules)
            {
                Rule rule = stored.Rule;
                lines.Add(String.Join(" ; ",
                    new string[] { rule.Grouping, rule.Name, rule.Description, rule.Inbound + " " + rule.Allow + " "
                    + rule.Enabled + " " + rule.Protocol
                    + " " + (rule.Profiles & 7),
                    SortPorts(rule.LocalPorts), SortPorts(rule.RemotePorts), MergeAddresses(rule.RemoteAddresses),
                    rule.Application ?? "" }));
            }
            lines.Sort(StringComparer.Ordinal);
            foreach (int number in Profile.Numbers)
                lines.Add(number + " " + store.Profiles[number].Enabled + " " + store.Profiles[number].BlockInbound
                + " " + store.Profiles[number].BlockOutbound);
            return String.Join("\n", lines.ToArray());
        }

        static string SortPorts(string ports)
        {
            if (String.IsNullOrEmpty(ports)) return "*";
            List<string> parts =
                new List<string>(ports.Split(new char[] { ',' }, StringSplitOptions.RemoveEmptyEntries));
            parts.Sort(delegate(string a, string b) { return a == "*" || b == "*"
                ? 0 : Int32.Parse(a.Split('-')[0]) - Int32.Parse(b.Split('-')[0]); });
            return String.Join(",", parts.ToArray());
        }

        static string MergeAddresses(string addresses)
        {
            if (addresses == "*") return "*";
            List<Range> ranges = new List<Range>();
            List<string> texts = new List<string>();
            foreach (string part in addresses.Split(','))
            {
                Range range = Range.Parse(part);
                if (range == null) texts.Add(part);
                else ranges.Add(range);
            }
            ranges.Sort(delegate(Range a, Range b) { return Range.Compare(a.First, b.First); });
            Range last = null;
            foreach (Range range in ranges)
            {
                bool touches = last != null && last.Last.Length == range.First.Length
                    && Range.Compare(range.First, GetNext(last.Last)) <= 0;
                if (!touches) texts.Add("");
                if (!touches || Range.Compare(range.Last, last.Last) > 0)
                    last = touches ? new Range { First = last.First, Last = range.Last } : range;
                texts[texts.Count - 1] = new IPAddress(last.First) + "-" + new IPAddress(last.Last);
            }
            return String.Join(",", texts.ToArray());
        }

        static byte[] GetNext(byte[] address)
        {
            byte[] next = (byte[])address.Clone();
            for (int i = next.Length - 1; i >= 0 && ++next[i] == 0; i--) { }
            return next;
        }
    }
}
