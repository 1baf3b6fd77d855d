using System;
using System.Collections.Generic;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>
    /// One pretended host and the steps to take on it, as data. `host`: listening (ports), established ("peer port" or
    /// "out peer port"), ssh ("peer port peer-port"), administrator, modify, group_policy (profile -> fields of
    /// ProfilePolicy), current, shields (profile), fail (number of the operation that fails), write (number of the
    /// write to the records that fails), rules ("in|out allow|block on|off protocol ports peers name[ @profiles][ by
    /// program]"), core and builtin (the same, of Core Networking and of another built-in group), disabled and open
    /// (profiles: the firewall is off, inbound traffic is allowed by default), broken and fixed (name of a rule),
    /// excluded (adapters), system_language, list_seconds, cannot_register, scheduler_stopped. `steps`: request,
    /// sha256, task (run it), sleep (seconds), skip (seconds without tasks), add and drop, switch, set, limit, describe
    /// (by hand), write (files), dies (number of operations after which all fail), dead, lives (again),
    /// keep_connections (no new one for this run).
    /// </summary>
    public class Scenario
    {
        readonly Dictionary<string, object> data;
        readonly HostileStore store = new HostileStore(1);
        readonly PretendHost host;

        public Scenario(string text)
        {
            data = (Dictionary<string, object>)JsonReader.Parse(text);
            host = new PretendHost(store);
        }

        public List<object> Run()
        {
            Dictionary<string, object> given = (Dictionary<string, object>)data["host"];
            foreach (object port in Get(given, "listening", new List<object>()))
                host.ListeningPorts.Add((int)(long)port);
            foreach (object text in Get(given, "established", new List<object>()))
                host.Connections.Add(ParseConnection((string)text));
            if (given.ContainsKey("ssh")) host.OwnConnection = ParseConnection((string)given["ssh"]);
            host.Administrator = Get(given, "administrator", true);
            store.ModifyState = (int)Get(given, "modify", 0L);
            foreach (KeyValuePair<string, object> entry in Get(given, "group_policy", new Dictionary<string, object>()))
                store.Policies[Int32.Parse(entry.Key)] = ParsePolicy((Dictionary<string, object>)entry.Value);
            store.ActiveProfiles = (int)Get(given, "current", 1L);
            if (given.ContainsKey("shields")) store.Profiles[(int)(long)given["shields"]].ShieldsUp = true;
            foreach (object number in Get(given, "disabled", new List<object>()))
                store.Profiles[(int)(long)number].Enabled = false;
            foreach (object number in Get(given, "open", new List<object>()))
                store.Profiles[(int)(long)number].BlockInbound = false;
            foreach (object text in Get(given, "rules", new List<object>()))
                store.Rules.Add(ParseRule((string)text, ""));
            foreach (object text in Get(given, "builtin", new List<object>()))
                store.Rules.Add(ParseRule((string)text, "@BuiltIn"));
            foreach (object text in Get(given, "core", new List<object>()))
                store.Rules.Add(ParseRule((string)text, "@FirewallAPI.dll,-25000"));
            foreach (StoredRule stored in store.Rules)
            {
                stored.Broken = Get(given, "broken", "") == stored.Rule.Name;
                stored.Fixed = Get(given, "fixed", "") == stored.Rule.Name;
            }
            foreach (object name in Get(given, "excluded",
                new List<object>())) store.ExcludedInterfaces.Add((string)name);
            host.SystemLanguage = Get(given, "system_language", "");
            store.ListSeconds = Get(given, "list_seconds", 0L);
            host.CannotRegister = Get(given, "cannot_register", false);
            host.SchedulerStopped = Get(given, "scheduler_stopped", false);
            store.FailAt = (int)Get(given, "fail", -1L);
            host.FailWriteAt = (int)Get(given, "write", -1L);
            List<object> answers = new List<object>();
            foreach (Dictionary<string, object> step in (List<object>)data["steps"]) answers.Add(RunStep(step));
            return answers;
        }

        Dictionary<string, object> RunStep(Dictionary<string, object> step)
        {
            Dictionary<string, object> answer = new Dictionary<string, object>();
            int operations = store.Journal.Count;
            try
            {
                if (step.ContainsKey("skip")) SkipTime((int)(long)step["skip"]);
                if (step.ContainsKey("lives")) store.Dead = false;
                if (step.ContainsKey("limit")) Find((string)step["limit"]).InterfaceTypes = "Lan";
                if (step.ContainsKey("describe")) Find((string)step["describe"]).Description = "edited";
                if (step.ContainsKey("dies"))
                    store.AfterOperation = delegate
                    {
                        store.Dead |= store.Journal.Count >= operations + (int)(long)step["dies"];
                    };
                if (step.ContainsKey("dead")) store.Dead = true;
                if (step.ContainsKey("task")) host.RunTask();
                if (step.ContainsKey("add"))
                {
                    StoredRule added = ParseRule((string)step["add"], Get(step, "group", ""));
                    added.Rule.Description = Get(step, "description", "");
                    store.Rules.Add(added);
                }
                if (step.ContainsKey("drop"))
                    store.Rules.RemoveAll(delegate(StoredRule stored)
                    {
                        string name = (string)step["drop"];
                        return stored.Rule.Name == name
                            || (name.EndsWith("*") && stored.Rule.Name.StartsWith(name.TrimEnd('*')));
                    });
                if (step.ContainsKey("write"))
                    foreach (KeyValuePair<string, object> file in (Dictionary<string, object>)step["write"])
                        host.Files[file.Key] = (string)file.Value;
                if (step.ContainsKey("scheduler_stopped")) host.SchedulerStopped = (bool)step["scheduler_stopped"];
                if (step.ContainsKey("sleep")) host.Sleep(1000 * (int)(long)step["sleep"]);
                if (step.ContainsKey("switch")) Switch((string)step["switch"]);
                if (step.ContainsKey("set")) SetProfile((string)step["set"]);
                if (step.ContainsKey("connect")) host.Connections.Add(ParseConnection((string)step["connect"]));
                host.KeepsConnections = Get(step, "keep_connections", false);
                if (step.ContainsKey("request")) answer["facts"] = host.Run(BuildRequest(step));
            }
            catch (Refusal error)
            {
                answer["refused"] = error.Code;
                answer["details"] = error.Details;
            }
            store.AfterOperation = delegate { };
            answer["operations"] = store.Journal.GetRange(operations, store.Journal.Count - operations);
            answer["host"] = PacketEvaluator.Dump(store).Split('\n');
            answer["files"] = new List<string>(host.Files.Keys);
            return answer;
        }

        void SkipTime(int seconds)
        {
            host.Due = DateTime.MaxValue;
            host.Sleep(1000 * seconds);
        }

        Rule Find(string part)
        {
            return store.Rules.Find(delegate(StoredRule stored) { return stored.Rule.Name.Contains(part); }).Rule;
        }

        /// <summary>"NAME on" or "NAME off", by hand.</summary>
        void Switch(string text)
        {
            int blank = text.LastIndexOf(' ');
            foreach (StoredRule stored in store.Rules)
                if (stored.Rule.Name == text.Substring(0,
                    blank)) stored.Rule.Enabled = text.Substring(blank + 1) == "on";
        }

        /// <summary>"PROFILE SETTING true" or false, by hand.</summary>
        void SetProfile(string text)
        {
            string[] words = text.Split(' ');
            store.Profiles[Int32.Parse(words[0])].Set((Setting)Enum.Parse(typeof(Setting), words[1]),
                words[2] == "true");
        }

        Request BuildRequest(Dictionary<string, object> step)
        {
            string text = (string)step["request"];
            Request request = Request.Parse(text, Get(step, "sha256", Memory.ComputeHash(text)));
            request.Program = "program";
            return request;
        }

        static ProfilePolicy ParsePolicy(Dictionary<string, object> data)
        {
            ProfilePolicy policy = new ProfilePolicy();
            foreach (KeyValuePair<string, object> entry in data)
                typeof(ProfilePolicy).GetField(entry.Key).SetValue(policy, (bool?)(bool)entry.Value);
            return policy;
        }

        static T Get<T>(Dictionary<string, object> from, string key, T fallback)
        {
            return from.ContainsKey(key) ? (T)from[key] : fallback;
        }

        static Connection ParseConnection(string text)
        {
            string[] words = text.Split(' ');
            bool outbound = words[0] == "out";
            int first = outbound ? 1 : 0;
            return new Connection
            {
                Inbound = !outbound,
                Peer = words[first],
                Port = Int32.Parse(words[first + 1]),
                PeerPort = words.Length > first + 2 ? Int32.Parse(words[first + 2]) : 50000,
            };
        }

        static StoredRule ParseRule(string text, string group)
        {
            string[] words = text.Split(new char[] { ' ' }, 7);
            string[] name = words[6].Split(new string[] { " by " }, StringSplitOptions.None);
            StoredRule stored = RandomHosts.CreateOtherRule(words[6], words[0] == "in", words[1] == "allow",
                words[2] == "on", Int32.Parse(words[3]), words[4], words[5], group);
            if (name.Length == 2) stored.Rule.Application = name[1];
            string[] profiles = name[0].Split(new string[] { " @" }, StringSplitOptions.None);
            if (profiles.Length == 2) stored.Rule.Profiles = Int32.Parse(profiles[1]);
            stored.Rule.Name = profiles[0];
            return stored;
        }
    }
}
