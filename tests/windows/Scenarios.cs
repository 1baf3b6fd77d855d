using System;
using System.Collections.Generic;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Convergences;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Requests;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Results;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace PortmatrixTests
{
    /// <summary>
    /// One pretended host and the steps to take on it, as data. `host`: listening (ports), established ("peer port" or
    /// "out peer port"), ssh ("peer port peer-port"), administrator, modify, merge, current, shields (profile), fail
    /// (number of the operation that fails), write (number of the write to the registry that fails), rules ("in|out
    /// allow|block on|off protocol ports peers name[ by program]"), core (the same, of Core Networking), disabled and
    /// open (profiles: the firewall is off, inbound traffic is allowed by default). `steps`: state, policy, check,
    /// confirm (seconds), connections, task (run it), sleep (seconds), skip (seconds without tasks), add and drop (a
    /// rule by hand), dies (number of operations after which all fail), lives (again).
    /// </summary>
    public class Scenario
    {
        readonly Dictionary<string, object> data;
        readonly HostileStore store = new HostileStore(1);
        readonly PretendHost host = new PretendHost();
        string token = "";

        public Scenario(string text)
        {
            data = (Dictionary<string, object>)JsonReader.Parse(text);
        }

        public List<object> Run()
        {
            Dictionary<string, object> given = (Dictionary<string, object>)data["host"];
            host.Dependencies = new Dependencies(store, host, host);
            foreach (object port in Get(given, "listening", new List<object>()))
                host.ListeningPorts.Add((int)(long)port);
            foreach (object text in Get(given, "established", new List<object>()))
                host.Connections.Add(ParseConnection((string)text));
            if (given.ContainsKey("ssh")) host.OwnConnection = ParseConnection((string)given["ssh"]);
            host.Administrator = Get(given, "administrator", true);
            store.ModifyState = (int)Get(given, "modify", 0L);
            store.AllowsLocal = Get(given, "merge", true);
            store.ActiveProfiles = (int)Get(given, "current", 1L);
            if (given.ContainsKey("shields")) store.Profiles[(int)(long)given["shields"]].ShieldsUp = true;
            foreach (object number in Get(given, "disabled", new List<object>()))
                store.Profiles[(int)(long)number].Enabled = false;
            foreach (object number in Get(given, "open", new List<object>()))
                store.Profiles[(int)(long)number].BlockInbound = false;
            foreach (object text in Get(given, "rules", new List<object>()))
                store.Rules.Add(ParseRule((string)text, ""));
            foreach (object text in Get(given, "core", new List<object>()))
                store.Rules.Add(ParseRule((string)text, "@FirewallAPI.dll,-25000"));
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
                if (step.ContainsKey("sleep")) host.Sleep((int)(long)step["sleep"]);
                if (step.ContainsKey("skip")) SkipTime((int)(long)step["skip"]);
                if (step.ContainsKey("lives")) store.Dead = false;
                if (step.ContainsKey("dies"))
                    store.AfterOperation = delegate
                    {
                        store.Dead |= store.Journal.Count >= operations + (int)(long)step["dies"];
                    };
                if (step.ContainsKey("task")) answer["answer"] = host.RunTask();
                if (step.ContainsKey("add")) store.Rules.Add(ParseRule((string)step["add"], Get(step, "group", "")));
                if (step.ContainsKey("drop"))
                    store.Rules.RemoveAll(delegate(StoredRule stored)
                    {
                        return stored.Rule.Name == (string)step["drop"];
                    });
                if (step.ContainsKey("state"))
                    AddResult(answer, Convergence.Run(host.Dependencies, BuildRequest(step)));
            }
            catch (PolicyException error)
            {
                answer["error"] = error.Message;
            }
            store.AfterOperation = delegate { };
            answer["operations"] = store.Journal.GetRange(operations, store.Journal.Count - operations);
            answer["host"] = PacketEvaluator.Dump(store).Split('\n');
            answer["registry"] = new List<string>(host.Registry.Keys);
            return answer;
        }

        void SkipTime(int seconds)
        {
            host.Due = DateTime.MaxValue;
            host.Sleep(seconds);
        }

        Request BuildRequest(Dictionary<string, object> step)
        {
            Request request = new Request { State = (string)step["state"], Check = Get(step, "check", false) };
            request.ConfirmTimeout = (int)Get(step, "confirm", 0L);
            request.ConfirmConnections = Get(step, "connections", false);
            object policy = Get<object>(step, "policy", "");
            request.Policy = policy as string ?? JsonWriter.Serialize(policy);
            request.Port = (int)Get(step, "port", 5985L);
            request.Program = Get(step, "program", "program");
            request.Token = Get(step, "token", token);
            return request;
        }

        void AddResult(Dictionary<string, object> answer, ModuleResult result)
        {
            object pending;
            if (result.Values.TryGetValue("pending", out pending))
                token = (string)((Dictionary<string, object>)pending)["token"];
            result.Values.Remove("pending");
            result.Values.Remove("token");
            answer["result"] = result.Values;
            answer["before"] = result.Before;
            answer["after"] = result.After;
            answer["warnings"] = result.Warnings;
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
            return stored;
        }
    }
}
