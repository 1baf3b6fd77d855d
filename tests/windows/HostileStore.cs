using System;
using System.Collections.Generic;
using System.Net;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>
    /// A rule as Windows stores it; also its handle. BROKEN: its parts cannot be read. FIXED: it cannot be switched.
    /// </summary>
    public class StoredRule
    {
        public Rule Rule;
        public bool Broken, Fixed;
        public override string ToString() { return Rule.Name; }
    }

    /// <summary>
    /// Windows Firewall at its worst: rules are read back in another notation than written, in another order every
    /// time; names are not unique, and Remove removes any of those that match; it refuses what Windows refuses; it
    /// fails at operation FailAt; names of built-in rules depend on the LANGUAGE of the reader; a listing takes
    /// LISTSECONDS. After each operation it calls AfterOperation.
    /// </summary>
    public class HostileStore : IFirewallStore
    {
        public readonly List<StoredRule> Rules = new List<StoredRule>();
        public readonly Dictionary<int, Profile> Profiles = new Dictionary<int, Profile>();
        public readonly List<string> Journal = new List<string>();
        public int ActiveProfiles = 1, ModifyState, FailAt = -1;
        public bool Dead;
        public string Language = "";
        public double ListSeconds;
        public Action<double> Wait = delegate { };
        public readonly Dictionary<int, ProfilePolicy> Policies = new Dictionary<int, ProfilePolicy>();
        public readonly List<string> ExcludedInterfaces = new List<string>();
        public Action AfterOperation = delegate { };
        readonly Random random;

        public HostileStore(int seed)
        {
            random = new Random(seed);
            foreach (int number in Profile.Numbers)
            {
                Profiles[number] = new Profile { Enabled = true, BlockInbound = true };
                Policies[number] = new ProfilePolicy();
            }
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
            Wait(ListSeconds);
            foreach (StoredRule stored in Rules)
            {
                Rule source = stored.Rule;
                Rule rule = new Rule { Name = Translate(source), Grouping = source.Grouping, Enabled = source.Enabled };
                rule.Handle = stored;
                listed.Insert(random.Next(listed.Count + 1), rule);
            }
            return listed;
        }

        public Rule Read(Rule listed)
        {
            StoredRule stored = (StoredRule)listed.Handle;
            if (stored.Broken)
            {
                listed.Unreadable = true;
                return listed;
            }
            Rule rule = RuleData.Parse(RuleData.Write(stored.Rule), "stored");
            rule.Handle = stored;
            rule.Name = Translate(rule);
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

        /// <summary>Built-in rules have resource strings for names.</summary>
        string Translate(Rule rule)
        {
            return rule.Grouping.StartsWith("@", StringComparison.Ordinal) ? Language + rule.Name : rule.Name;
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
            if (rule.Name.Length == 0 || rule.Name == "all" || (rule.Name + rule.Description).IndexOf('|') >= 0
                || rule.Name.Length > 10000 || rule.Description.Length > 10000)
                throw CreateRefusal(rule, "name or description");
            if (!rule.HasPorts() && (LimitsPorts(rule.LocalPorts) || LimitsPorts(rule.RemotePorts)))
                throw CreateRefusal(rule, "ports without TCP or UDP");
            // not everything that is read back can be written
            if ((rule.LocalPorts + "," + rule.RemotePorts).IndexOf(",,", StringComparison.Ordinal) >= 0
                || (rule.RemotePorts ?? "").EndsWith(",", StringComparison.Ordinal))
                throw CreateRefusal(rule, "ports that end with a comma");
            string[] parts = rule.RemoteAddresses.Split(',');
            if (parts.Length > 1000) throw CreateRefusal(rule, "more than 1000 addresses");
            Rule stored = RuleData.Parse(RuleData.Write(rule), "built");
            if (stored.RemoteAddresses.Length == 0) stored.RemoteAddresses = "*";
            foreach (string part in stored.RemoteAddresses.Split(','))
                if (part == "::1" || (part != "*" && Char.IsDigit(part[0]) && Range.Parse(part) == null))
                    throw CreateRefusal(rule, "address " + part);
            return new StoredRule { Rule = stored };
        }

        static bool LimitsPorts(string ports) { return !String.IsNullOrEmpty(ports) && ports != "*"; }

        static Refusal CreateRefusal(Rule rule, string what)
        {
            return new Refusal("rule_refused", "rule", rule.Name, "error", what);
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
            Operate("switch " + stored, delegate
            {
                if (stored.Fixed) throw new UnauthorizedAccessException("Access is denied.");
                stored.Rule.Enabled = enabled;
            });
        }

        public Profile GetProfile(int number) { return Profiles[number].Copy(); }

        public void SetFirewallEnabled(int number, bool enabled)
        {
            Operate("profile", delegate { Profiles[number].Enabled = enabled; });
        }

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

        public ProfilePolicy GetPolicy(int number) { return Policies[number]; }

        public List<string> GetExcludedInterfaces(int number) { return ExcludedInterfaces; }

        public void SetDroppedLogged(int number, bool logged)
        {
            Operate("log", delegate { Profiles[number].LogDropped = logged; });
        }
    }
}
