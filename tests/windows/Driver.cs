using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.AddressSets;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Convergences;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.DisplayRules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Ports;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Requests;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;

namespace PortmatrixTests
{
    /// <summary>driver.exe VERB ARGUMENT...: runs VERB on the shipped C# and prints the answer as JSON.</summary>
    public static class Driver
    {
        public static int Main(string[] arguments)
        {
            Dictionary<string, Func<string[], object>> verbs = new Dictionary<string, Func<string[], object>>
            {
                { "fuzz", delegate(string[] a) { return new Fuzz(Int32.Parse(a[1])).Run(Int32.Parse(a[2])); } },
                { "addresses", delegate(string[] a) { return ConvertEach(a[1], NormaliseAddresses); } },
                { "ports", delegate(string[] a) { return ConvertEach(a[1], NormalisePorts); } },
                { "json", delegate(string[] a) { return ConvertEach(a[1], NormaliseJson); } },
                { "policies", delegate(string[] a) { return ConvertEach(a[1], BuildRules); } },
                { "time", delegate(string[] a) { return MeasureTime(Int32.Parse(a[1])); } },
                { "timer", delegate { return HostParts.CheckTimer(); } },
                { "host", delegate { return HostParts.CheckHost(); } },
                { "scenario", delegate(string[] a) { return new Scenario(File.ReadAllText(a[1])).Run(); } },
            };
            Console.WriteLine(JsonWriter.Serialize(verbs[arguments[0]](arguments)));
            return 0;
        }

        static object ConvertEach(string path, Func<string, object> answer)
        {
            List<object> answers = new List<object>();
            foreach (object text in (List<object>)JsonReader.Parse(File.ReadAllText(path)))
                answers.Add(answer((string)text));
            return answers;
        }

        static object NormaliseAddresses(string text) { return AddressSet.Parse(text).ToCanonicalText(); }

        static object NormalisePorts(string text) { return PortSet.Parse(text).ToCanonicalText(); }

        static object NormaliseJson(string text)
        {
            try
            {
                return JsonWriter.Serialize(JsonReader.Parse(text));
            }
            catch (FormatException error)
            {
                return "error: " + error.Message;
            }
        }

        static object BuildRules(string text)
        {
            Dictionary<string, object> answer = new Dictionary<string, object>();
            try
            {
                Policy policy = Policy.Parse(text);
                List<Rule> rules = policy.BuildRules(new int[] { 5986, 22 });
                answer["digest"] = policy.ComputeDigest();
                answer["rules"] = rules.ConvertAll<object>(delegate(Rule rule) { return rule.ToCanonicalText(); });
                answer["display"] = DisplayRule.FromRules(rules).ConvertAll<object>(delegate(DisplayRule rule)
                {
                    return rule.ToText();
                });
            }
            catch (Exception error)
            {
                answer["error"] = error.Message;
            }
            return answer;
        }

        /// <summary>Milliseconds to plan and apply COUNT rules: first, again, and with all rules changed.</summary>
        static object MeasureTime(int count)
        {
            HostileStore store = new HostileStore(1);
            PretendHost host = new PretendHost();
            host.ListeningPorts.Add(5985);
            host.Connections.Add(new Connection { Peer = RandomHosts.Controller, Port = 5985 });
            host.Dependencies = new Dependencies(store, host, host);
            Dictionary<string, object> times = new Dictionary<string, object>();
            foreach (string what in new string[] { "first", "again", "others" })
            {
                string policy = CreatePolicy(count, what == "others" ? 7 : 0);
                Request check = new Request { State = "enforced", Port = 5985, Policy = policy, Check = true };
                Request request = new Request { State = "enforced", Port = 5985, Policy = policy };
                Stopwatch watch = Stopwatch.StartNew();
                Convergence.Run(host.Dependencies, check);
                times["plan " + what] = watch.ElapsedMilliseconds;
                watch = Stopwatch.StartNew();
                Convergence.Run(host.Dependencies, request);
                times["apply " + what] = watch.ElapsedMilliseconds;
            }
            return times;
        }

        static string CreatePolicy(int count, int shift)
        {
            const string empty = "{\"format\":1,\"egress\":\"allow\",\"exclusive\":false,"
                + "\"management\":{\"sources\":[\"any\"],\"ports\":[]},\"citations\":{}}";
            Dictionary<string, object> policy = (Dictionary<string, object>)JsonReader.Parse(empty);
            Dictionary<string, object> groups = new Dictionary<string, object>();
            List<object> rules = new List<object>();
            for (int i = 0; i < count; i++)
            {
                groups["g" + i] = new List<object> { "10." + i / 250 + "." + i % 250 + "." + (1 + shift) + "/32" };
                rules.Add(JsonReader.Parse("{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"ports\":[\"" + (1 + i)
                    + "\"],\"group\":\"g" + i + "\",\"flows\":[\"product/flow-" + i + "\"]}"));
            }
            policy["groups"] = groups;
            policy["rules"] = rules;
            return JsonWriter.Serialize(policy);
        }
    }
}
