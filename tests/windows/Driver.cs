using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using Portmatrix.Firewall;

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
                { "rules", delegate(string[] a) { return ConvertEach(a[1], DescribeRules); } },
                { "time", delegate(string[] a) { return MeasureTime(Int32.Parse(a[1])); } },
                { "script", delegate(string[] a) { return ScheduledTask.BuildScript(a[1], a[2]); } },
                { "task", delegate { return HostParts.CheckTask(); } },
                { "host", delegate(string[] a) { return HostParts.CheckHost(a[1]); } },
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

        /// <summary>What the host understands of a request.</summary>
        static object DescribeRules(string text)
        {
            try
            {
                WantedPolicy policy = Request.Parse(text, Memory.ComputeHash(text)).Policy;
                return policy.Rules.ConvertAll<object>(delegate(Rule rule) { return rule.GetManagedText(); });
            }
            catch (Refusal refusal)
            {
                return refusal.ToString();
            }
        }

        /// <summary>Milliseconds to plan and apply COUNT rules: first, again, and with all rules changed.</summary>
        static object MeasureTime(int count)
        {
            HostileStore store = new HostileStore(1);
            PretendHost host = new PretendHost(store);
            host.ListeningPorts.Add(5985);
            host.Connections.Add(new Connection { Peer = RandomHosts.Controller, Port = 5985 });
            Dictionary<string, object> times = new Dictionary<string, object>();
            foreach (string what in new string[] { "first", "again", "others" })
            {
                Dictionary<string, object> policy = CreatePolicy(count, what == "others" ? 7 : 0);
                Stopwatch watch = Stopwatch.StartNew();
                host.Run(Documents.CreateRequest(policy, true, 0));
                times["plan " + what] = watch.ElapsedMilliseconds;
                watch = Stopwatch.StartNew();
                host.Run(Documents.CreateRequest(policy, false, 0));
                times["apply " + what] = watch.ElapsedMilliseconds;
            }
            return times;
        }

        static Dictionary<string, object> CreatePolicy(int count, int shift)
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
            return policy;
        }
    }
}
