using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace PortmatrixTests
{
    /// <summary>A rule as Windows keeps it, and its handle.</summary>
    public class Kept
    {
        public Rule Rule;
        public override string ToString() { return Rule.Name; }
    }

    /// <summary>
    /// Windows Firewall at its worst: what is read back is spelt differently from what was written, in another order every time; names are not unique and
    /// Remove takes any of those that match; it refuses what Windows refuses; it fails at the operation it is told to. After each operation it asks the
    /// watchman, who evaluates the rules in his own way.
    /// </summary>
    public class NastyStore : IFirewallStore
    {
        public readonly List<Kept> Rules = new List<Kept>();
        public readonly Dictionary<int, Profile> Profiles = new Dictionary<int, Profile>();
        public readonly List<string> Journal = new List<string>();
        public int Current = 1, Modify, FailAt = -1;
        public bool Dead, Merge = true;
        public Action Watch = delegate { };
        readonly Random random;

        public NastyStore(int seed)
        {
            random = new Random(seed);
            foreach (int number in Profile.Numbers) Profiles[number] = new Profile { Enabled = true, BlockInbound = true };
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
            Watch();
        }

        public List<Rule> List()
        {
            List<Rule> found = new List<Rule>();
            foreach (Kept kept in Rules) found.Insert(random.Next(found.Count + 1),
                new Rule { Name = kept.Rule.Name, Grouping = kept.Rule.Grouping, Enabled = kept.Rule.Enabled, Handle = kept });
            return found;
        }

        public Rule Read(Rule listed)
        {
            Kept kept = (Kept)listed.Handle;
            Rule rule = Rule.FromData(kept.Rule.ToData());
            rule.Handle = kept;
            rule.RemoteAddresses = Rewrite(rule.RemoteAddresses);
            rule.LocalPorts = Shuffle(rule.LocalPorts);
            rule.RemotePorts = Shuffle(rule.RemotePorts);
            if (!rule.HasPorts()) rule.LocalPorts = rule.RemotePorts = Either("", null);
            if (rule.Profiles == Rule.AllProfiles) rule.Profiles = random.Next(2) == 0 ? 7 : Rule.AllProfiles;
            rule.Application = String.IsNullOrEmpty(rule.Application) ? Either("", null) : rule.Application;
            rule.Service = String.IsNullOrEmpty(rule.Service) ? Either("", null) : rule.Service;
            rule.InterfaceTypes = rule.InterfaceTypes == "All" ? Either("All", "") : rule.InterfaceTypes;
            if (rule.HasIcmpTypes() && rule.IcmpTypes == "*") rule.IcmpTypes = Either("*", "*:*");
            return rule;
        }

        string Either(string a, string b)
        {
            return random.Next(2) == 0 ? a : b;
        }

        string Shuffle(string text)
        {
            if (text == null || text.IndexOf(',') < 0) return text;
            List<string> parts = new List<string>();
            foreach (string part in text.Split(',')) parts.Insert(random.Next(parts.Count + 1), part);
            return String.Join(",", parts.ToArray()) + Either("", ",");
        }

        string Rewrite(string text)
        {
            if (text == "*" || text.IndexOf('.') < 0 && text.IndexOf(':') < 0) return text;
            List<string> parts = new List<string>();
            foreach (string part in text.Split(',')) parts.Insert(random.Next(parts.Count + 1), Spell(part));
            if (random.Next(4) == 0) parts.Add(parts[0]);
            return String.Join(",", parts.ToArray());
        }

        string Spell(string part)
        {
            Range range = Range.Parse(part);
            if (range == null) return part;
            string first = new IPAddress(range.First).ToString(), last = new IPAddress(range.Last).ToString();
            if (part.IndexOf(':') >= 0) return part.EndsWith("/128", StringComparison.Ordinal) ? first + "-" + first : Either(part, first + "-" + last);
            int slash = part.IndexOf('/');
            if (slash < 0 || part.EndsWith("/32", StringComparison.Ordinal)) return Either(first, first + "/255.255.255.255");
            byte[] mask = new byte[4];
            for (int i = 0; i < 4; i++) mask[i] = (byte)~(range.First[i] ^ range.Last[i]);
            return Either(first + "/" + new IPAddress(mask), first + "-" + last);
        }

        public object Build(Rule rule)
        {
            if (rule.Name.Length == 0 || rule.Name == "all" || rule.Name.IndexOf('|') >= 0 || rule.Description.IndexOf('|') >= 0 || rule.Name.Length > 10000
                || rule.Description.Length > 10000)
                throw Refusal(rule, "name or description");
            if (!rule.HasPorts() && (Asks(rule.LocalPorts) || Asks(rule.RemotePorts))) throw Refusal(rule, "ports without TCP or UDP");
            // what is read back cannot all be written
            if ((rule.LocalPorts + "," + rule.RemotePorts).IndexOf(",,", StringComparison.Ordinal) >= 0
                || (rule.RemotePorts ?? "").EndsWith(",", StringComparison.Ordinal)) throw Refusal(rule, "ports that end with a comma");
            string[] parts = rule.RemoteAddresses.Split(',');
            if (parts.Length > 1000) throw Refusal(rule, "more than 1000 addresses");
            Rule kept = Rule.FromData(rule.ToData());
            if (kept.RemoteAddresses.Length == 0) kept.RemoteAddresses = "*";
            foreach (string part in kept.RemoteAddresses.Split(','))
                if (part != "*" && Char.IsDigit(part[0]) && Range.Parse(part) == null || part.StartsWith("::1", StringComparison.Ordinal)
                    && part.Length == 3) throw Refusal(rule, "address " + part);
            return new Kept { Rule = kept };
        }

        static bool Asks(string ports) { return !String.IsNullOrEmpty(ports) && ports != "*"; }

        static PolicyException Refusal(Rule rule, string what)
        {
            return new PolicyException("Windows Firewall refuses the rule '" + rule.Name + "': " + what);
        }

        public void Add(object built)
        {
            Kept kept = (Kept)built;
            Operate("add " + kept, delegate { Rules.Insert(random.Next(Rules.Count + 1), kept); });
        }

        public void Rename(Rule found, string name)
        {
            Kept kept = (Kept)found.Handle;
            Operate("rename " + kept, delegate { kept.Rule.Name = name; });
        }

        public void Remove(string name)
        {
            Operate("remove " + name, delegate
            {
                List<Kept> matching = Rules.FindAll(delegate(Kept kept) { return kept.Rule.Name == name; });
                if (matching.Count > 0) Rules.Remove(matching[random.Next(matching.Count)]);
            });
        }

        public void SetEnabled(Rule found, bool on)
        {
            Kept kept = (Kept)found.Handle;
            Operate("switch " + kept, delegate { kept.Rule.Enabled = on; });
        }

        public Profile GetProfile(int number) { return Profiles[number].Copy(); }

        public void SetFirewallEnabled(int number, bool on) { Operate("profile", delegate { Profiles[number].Enabled = on; }); }

        public void SetDefault(int number, bool inbound, bool block)
        {
            Operate("default", delegate
            {
                if (inbound) Profiles[number].BlockInbound = block;
                else Profiles[number].BlockOutbound = block;
            });
        }

        public int CurrentProfiles() { return Current; }

        public int ModifyState() { return Modify; }

        public bool LocalRulesCount(int number) { return Merge; }
    }

    /// <summary>Addresses by .NET's own parser and byte by byte: shares nothing with the code under test.</summary>
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

    /// <summary>Decides about packets rule by rule, with the texts that Windows keeps.</summary>
    public static class Watchman
    {
        public static bool Passes(NastyStore store, bool inbound, int protocol, string peer, int port)
        {
            foreach (int number in Profile.Numbers)
                if ((store.Current & number) != 0 && !Passes(store, number, inbound, protocol, IPAddress.Parse(peer).GetAddressBytes(), port)) return false;
            return true;
        }

        static bool Passes(NastyStore store, int number, bool inbound, int protocol, byte[] peer, int port)
        {
            Profile profile = store.Profiles[number];
            if (!profile.Enabled) return true;
            if (inbound && profile.ShieldsUp) return false;
            bool allowed = false;
            foreach (Kept kept in store.Rules)
            {
                Rule rule = kept.Rule;
                if (!rule.Enabled || rule.Inbound != inbound || (rule.Profiles & number) == 0 || !String.IsNullOrEmpty(rule.Application)) continue;
                if (rule.Protocol != 256 && rule.Protocol != protocol || !Names(inbound ? rule.LocalPorts : rule.RemotePorts, port)
                    || !Holds(rule.RemoteAddresses, peer)) continue;
                if (!rule.Allow) return false;
                allowed = true;
            }
            return allowed || !(inbound ? profile.BlockInbound : profile.BlockOutbound);
        }

        static bool Names(string ports, int port)
        {
            if (ports == "*") return true;
            foreach (string part in ports.Split(new char[] { ',' }, StringSplitOptions.RemoveEmptyEntries))
            {
                string[] ends = part.Split('-');
                if (Int32.Parse(ends[0]) <= port && port <= Int32.Parse(ends[ends.Length - 1])) return true;
            }
            return false;
        }

        static bool Holds(string addresses, byte[] peer)
        {
            if (addresses == "*") return true;
            foreach (string part in addresses.Split(','))
            {
                Range range = Range.Parse(part);
                if (range != null && range.Contains(peer)) return true;
            }
            return false;
        }

        /// <summary>Everything that the store holds, addresses as merged ranges: two stores that decide the same and belong to the same have the same
        /// text.</summary>
        public static string Dump(NastyStore store)
        {
            List<string> lines = new List<string>();
            foreach (Kept kept in store.Rules)
            {
                Rule rule = kept.Rule;
                lines.Add(String.Join(" ; ",
                    new string[] { rule.Grouping, rule.Name, rule.Description, rule.Inbound + " " + rule.Allow + " " + rule.Enabled + " " + rule.Protocol
                    + " " + (rule.Profiles & 7),
                    Sorted(rule.LocalPorts), Sorted(rule.RemotePorts), Ranges(rule.RemoteAddresses), rule.Application ?? "" }));
            }
            lines.Sort(StringComparer.Ordinal);
            foreach (int number in Profile.Numbers) lines.Add(number + " " + store.Profiles[number].Enabled + " " + store.Profiles[number].BlockInbound
                + " " + store.Profiles[number].BlockOutbound);
            return String.Join("\n", lines.ToArray());
        }

        static string Sorted(string ports)
        {
            if (String.IsNullOrEmpty(ports)) return "*";
            List<string> parts = new List<string>(ports.Split(new char[] { ',' }, StringSplitOptions.RemoveEmptyEntries));
            parts.Sort(delegate(string a, string b) { return a == "*" || b == "*" ? 0 : Int32.Parse(a.Split('-')[0]) - Int32.Parse(b.Split('-')[0]); });
            return String.Join(",", parts.ToArray());
        }

        static string Ranges(string addresses)
        {
            if (addresses == "*") return "*";
            List<Range> ranges = new List<Range>();
            List<string> found = new List<string>();
            foreach (string part in addresses.Split(','))
            {
                Range range = Range.Parse(part);
                if (range == null) found.Add(part);
                else ranges.Add(range);
            }
            ranges.Sort(delegate(Range a, Range b) { return Range.Compare(a.First, b.First); });
            Range last = null;
            foreach (Range range in ranges)
            {
                bool touches = last != null && last.Last.Length == range.First.Length && Range.Compare(range.First, After(last.Last)) <= 0;
                if (!touches) found.Add("");
                if (!touches || Range.Compare(range.Last, last.Last) > 0) last = touches ? new Range { First = last.First, Last = range.Last } : range;
                found[found.Count - 1] = new IPAddress(last.First) + "-" + new IPAddress(last.Last);
            }
            return String.Join(",", found.ToArray());
        }

        static byte[] After(byte[] address)
        {
            byte[] next = (byte[])address.Clone();
            for (int i = next.Length - 1; i >= 0 && ++next[i] == 0; i--) { }
            return next;
        }
    }
}
