namespace Portmatrix.Firewall
{
    using System;
    using System.Collections.Generic;
    using System.Diagnostics;
    using System.Globalization;
    using System.Reflection;
    using System.Threading;

    /// <summary>
    /// Windows Firewall in firewall.json: `rules` (every field of Rule, and Id), `profiles`, `active`, `modify_state`,
    /// and `operations`, which counts the changes since the host was made. Faults by that count: fail_at, die_after,
    /// hang_after. Names that are resource strings are read in the language of the process.
    /// </summary>
    public class FileStore : IFirewallStore
    {
        const string Name = "firewall.json";
        readonly HostFolder folder;
        readonly Dictionary<string, object> strings;
        readonly string language;

        public FileStore(HostFolder folder)
        {
            this.folder = folder;
            Dictionary<string, object> machine = folder.Read("machine.json");
            strings = (Dictionary<string, object>)machine["strings"];
            object known;
            string user = Environment.GetEnvironmentVariable("PORTMATRIX_IMITATED_USER") ?? "";
            ((Dictionary<string, object>)machine["languages"]).TryGetValue(user, out known);
            language = known as string ?? "en";
        }

        void Operate(Action<Dictionary<string, object>> change)
        {
            Dictionary<string, object> data = folder.Read(Name);
            object number = (long)data["operations"] + 1;
            data["operations"] = number;
            bool fails = number.Equals(folder.GetFault("fail_at"));
            if (!fails) change(data);
            folder.Write(Name, data);
            if (fails) throw new InvalidOperationException("The remote procedure call failed. (0x800706BE)");
            if (number.Equals(folder.GetFault("die_after"))) Process.GetCurrentProcess().Kill();
            if (number.Equals(folder.GetFault("hang_after"))) Thread.Sleep(60000);
        }

        static List<object> GetRules(Dictionary<string, object> data) { return (List<object>)data["rules"]; }

        string Resolve(object text)
        {
            object known;
            if (!strings.TryGetValue((string)text, out known)) return (string)text;
            return (string)((Dictionary<string, object>)known)[language];
        }

        public List<Rule> List()
        {
            folder.FailIfSet("list", "The RPC server is unavailable. (0x800706BA)");
            List<Rule> listed = new List<Rule>();
            foreach (Dictionary<string, object> entry in GetRules(folder.Read(Name)))
                listed.Add(new Rule
                {
                    Name = Resolve(entry["Name"]),
                    Grouping = (string)entry["Grouping"],
                    Enabled = (bool)entry["Enabled"],
                    Handle = entry,
                });
            return listed;
        }

        public Rule Read(Rule listed)
        {
            Dictionary<string, object> entry = (Dictionary<string, object>)listed.Handle;
            if (IsFault("unreadable", entry))
            {
                listed.Unreadable = true;
                return listed;
            }
            Rule rule = new Rule { Handle = entry };
            foreach (FieldInfo field in GetStoredFields())
                field.SetValue(rule,
                    Convert.ChangeType(entry[field.Name], field.FieldType, CultureInfo.InvariantCulture));
            rule.Name = Resolve(rule.Name);
            rule.Description = Resolve(rule.Description);
            return rule;
        }

        static IEnumerable<FieldInfo> GetStoredFields()
        {
            foreach (FieldInfo field in typeof(Rule).GetFields())
                if (!field.IsLiteral && !field.IsStatic && field.Name != "Handle"
                    && field.Name != "Unreadable") yield return field;
        }

        /// <summary>The fault NAME is a list of names of rules, as they are stored.</summary>
        bool IsFault(string name, Dictionary<string, object> entry)
        {
            List<object> names = folder.GetFault(name) as List<object>;
            return names != null && names.Contains(entry["Name"]);
        }

        public object Build(Rule rule)
        {
            bool isTooLong = rule.RemoteAddresses.Split(',').Length > 1000 || rule.Description.Length > 10000;
            if (rule.RemoteAddresses.Length == 0 || isTooLong || rule.Name.IndexOf('|') >= 0)
                throw new Refusal("rule_refused", "rule", rule.Name, "error", "too long");
            return rule;
        }

        public void Add(object built)
        {
            Operate(delegate(Dictionary<string, object> data)
            {
                Dictionary<string, object> entry = new Dictionary<string, object>();
                foreach (FieldInfo field in GetStoredFields()) entry[field.Name] = field.GetValue(built);
                entry["Id"] = "portmatrix " + Guid.NewGuid().ToString();
                GetRules(data).Add(entry);
            });
        }

        void Change(Rule existing, string key, object value)
        {
            object id = ((Dictionary<string, object>)existing.Handle)["Id"];
            Operate(delegate(Dictionary<string, object> data)
            {
                foreach (Dictionary<string, object> entry in GetRules(data))
                    if (entry["Id"].Equals(id)) entry[key] = value;
            });
        }

        public void Rename(Rule existing, string name) { Change(existing, "Name", name); }

        public void Remove(string name)
        {
            Operate(delegate(Dictionary<string, object> data)
            {
                int found = GetRules(data).FindIndex(delegate(object entry)
                {
                    return Resolve(((Dictionary<string, object>)entry)["Name"]) == name;
                });
                if (found >= 0) GetRules(data).RemoveAt(found);
            });
        }

        public void SetEnabled(Rule existing, bool enabled)
        {
            if (IsFault("protected", (Dictionary<string, object>)existing.Handle))
                throw new UnauthorizedAccessException("Access is denied. (0x80070005)");
            Change(existing, "Enabled", enabled);
        }

        static Dictionary<string, object> FindProfile(Dictionary<string, object> data, int number)
        {
            Dictionary<string, object> profiles = (Dictionary<string, object>)data["profiles"];
            return (Dictionary<string, object>)profiles[number.ToString(CultureInfo.InvariantCulture)];
        }

        public Profile GetProfile(int number)
        {
            Dictionary<string, object> entry = FindProfile(folder.Read(Name), number);
            Profile profile = new Profile { Enabled = (bool)entry["Enabled"], ShieldsUp = (bool)entry["ShieldsUp"] };
            profile.BlockInbound = (bool)entry["BlockInbound"];
            profile.BlockOutbound = (bool)entry["BlockOutbound"];
            profile.LogDropped = (bool)entry["LogDropped"];
            return profile;
        }

        void SetProfile(int number, string key, bool value)
        {
            Operate(delegate(Dictionary<string, object> data) { FindProfile(data, number)[key] = value; });
        }

        public void SetFirewallEnabled(int number, bool enabled) { SetProfile(number, "Enabled", enabled); }

        public void SetDefaultAction(int number, bool inbound, bool block)
        {
            SetProfile(number, inbound ? "BlockInbound" : "BlockOutbound", block);
        }

        public int GetActiveProfiles() { return (int)(long)folder.Read(Name)["active"]; }

        public int GetModifyState() { return (int)(long)folder.Read(Name)["modify_state"]; }

        public ProfilePolicy GetPolicy(int number) { return new ProfilePolicy(); }

        public List<string> GetExcludedInterfaces(int number) { return new List<string>(); }

        public void SetDroppedLogged(int number, bool logged) { SetProfile(number, "LogDropped", logged); }
    }
}
