using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Convergences;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Reports;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace PortmatrixTests
{
    /// <summary>
    /// One pretended host and what is asked of it, as data. `host`: listening (ports), established ("peer port" or "out peer port"), ssh ("peer port
    /// peer-port"),
    /// administrator, modify, merge, current, shields (profile), fail (operation), keep (which writing to the registry fails), rules
    /// ("in|out allow|block on|off protocol ports peers name[ by program]"), core (the same, of Core Networking), disabled and open (profiles: the firewall is
    /// off,
    /// what comes in passes). `steps`: state, policy, check, confirm (seconds), flows, fire (let the task run),
    /// sleep (seconds), skip (seconds in which no task runs), add and drop (a rule by hand), dies (after so many operations nothing works), lives (again).
    /// </summary>
    public class Cases
    {
        readonly Dictionary<string, object> data;
        readonly NastyStore store = new NastyStore(1);
        readonly PretendHost host = new PretendHost();
        string token = "";

        public Cases(string text)
        {
            data = (Dictionary<string, object>)JsonReader.Parse(text);
        }

        public List<object> Run()
        {
            Dictionary<string, object> given = (Dictionary<string, object>)data["host"];
            host.Seam = new Seam(store, host, host);
            foreach (object port in Get(given, "listening", new List<object>())) host.Ports.Add((int)(long)port);
            foreach (object text in Get(given, "established", new List<object>())) host.Connections.Add(Open((string)text));
            if (given.ContainsKey("ssh")) host.Ssh = Open((string)given["ssh"]);
            host.Administrator = Get(given, "administrator", true);
            store.Modify = (int)Get(given, "modify", 0L);
            store.Merge = Get(given, "merge", true);
            store.Current = (int)Get(given, "current", 1L);
            if (given.ContainsKey("shields")) store.Profiles[(int)(long)given["shields"]].ShieldsUp = true;
            foreach (object number in Get(given, "disabled", new List<object>())) store.Profiles[(int)(long)number].Enabled = false;
            foreach (object number in Get(given, "open", new List<object>())) store.Profiles[(int)(long)number].BlockInbound = false;
            foreach (object text in Get(given, "rules", new List<object>())) store.Rules.Add(ByHand((string)text, ""));
            foreach (object text in Get(given, "core", new List<object>())) store.Rules.Add(ByHand((string)text, "@FirewallAPI.dll,-25000"));
            store.FailAt = (int)Get(given, "fail", -1L);
            host.FailKeepAt = (int)Get(given, "keep", -1L);
            List<object> found = new List<object>();
            foreach (Dictionary<string, object> step in (List<object>)data["steps"]) found.Add(Step(step));
            return found;
        }

        Dictionary<string, object> Step(Dictionary<string, object> step)
        {
            Dictionary<string, object> found = new Dictionary<string, object>();
            int operations = store.Journal.Count;
            try
            {
                if (step.ContainsKey("sleep")) host.Sleep((int)(long)step["sleep"]);
                if (step.ContainsKey("skip")) Skip((int)(long)step["skip"]);
                if (step.ContainsKey("lives")) store.Dead = false;
                if (step.ContainsKey("dies")) store.Watch = delegate { store.Dead |= store.Journal.Count >= operations + (int)(long)step["dies"]; };
                if (step.ContainsKey("fire")) found["answer"] = host.Fire();
                if (step.ContainsKey("add")) store.Rules.Add(ByHand((string)step["add"], Get(step, "group", "")));
                if (step.ContainsKey("drop")) store.Rules.RemoveAll(delegate(Kept kept) { return kept.Rule.Name == (string)step["drop"]; });
                if (step.ContainsKey("state")) Tell(found, Convergence.Run(host.Seam, Asked(step)));
            }
            catch (PolicyException error)
            {
                found["error"] = error.Message;
            }
            store.Watch = delegate { };
            found["operations"] = store.Journal.GetRange(operations, store.Journal.Count - operations);
            found["host"] = Watchman.Dump(store).Split('\n');
            found["registry"] = new List<string>(host.Registry.Keys);
            return found;
        }

        void Skip(int seconds)
        {
            host.Due = DateTime.MaxValue;
            host.Sleep(seconds);
        }

        Request Asked(Dictionary<string, object> step)
        {
            Request request = new Request { State = (string)step["state"], Check = Get(step, "check", false),
                ConfirmTimeout = (int)Get(step, "confirm", 0L), ConfirmFlows = Get(step, "flows", false) };
            request.Policy = step.ContainsKey("policy") ? step["policy"] as string ?? JsonWriter.Text(step["policy"]) : "";
            request.Port = (int)Get(step, "port", 5985L);
            request.Program = Get(step, "program", "program");
            request.Token = Get(step, "token", token);
            return request;
        }

        void Tell(Dictionary<string, object> found, Report report)
        {
            object pending;
            if (report.Result.TryGetValue("pending", out pending)) token = (string)((Dictionary<string, object>)pending)["token"];
            report.Result.Remove("pending");
            report.Result.Remove("token");
            found["result"] = report.Result;
            found["before"] = report.Before;
            found["after"] = report.After;
            found["warnings"] = report.Warnings;
        }

        static T Get<T>(Dictionary<string, object> from, string key, T otherwise) { return from.ContainsKey(key) ? (T)from[key] : otherwise; }

        static Connection Open(string text)
        {
            string[] words = text.Split(' ');
            bool outbound = words[0] == "out";
            int first = outbound ? 1 : 0;
            return new Connection { Inbound = !outbound, Peer = words[first], Port = Int32.Parse(words[first + 1]), PeerPort = words.Length > first + 2
                ? Int32.Parse(words[first + 2]) : 50000 };
        }

        static Kept ByHand(string text, string group)
        {
            string[] words = text.Split(new char[] { ' ' }, 7);
            string[] name = words[6].Split(new string[] { " by " }, StringSplitOptions.None);
            Kept kept = RandomHosts.Other(words[6], words[0] == "in", words[1] == "allow", words[2] == "on", Int32.Parse(words[3]), words[4], words[5], group);
            if (name.Length == 2) kept.Rule.Application = name[1];
            return kept;
        }
    }
}
