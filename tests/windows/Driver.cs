using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.AddressSets;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Convergences;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Json;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Policies;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Ports;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Rules;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Words;

namespace PortmatrixTests
{
    /// <summary>driver.exe VERB ARGUMENT...: asks the C# that ships and prints its answers as JSON.</summary>
    public static class Driver
    {
        public static int Main(string[] arguments)
        {
            Dictionary<string, Func<string[], object>> verbs = new Dictionary<string, Func<string[], object>>
            {
                { "fuzz", delegate(string[] a) { return new Fuzz(Int32.Parse(a[1])).Run(Int32.Parse(a[2])); } },
                { "addresses", delegate(string[] a) { return Each(a[1], delegate(string text) { return AddressSet.Parse(text).Canonical(); }); } },
                { "ports", delegate(string[] a) { return Each(a[1], delegate(string text) { return PortSet.Parse(text).Canonical(); }); } },
                { "json", delegate(string[] a) { return Each(a[1], delegate(string text) { return Parsed(text); }); } },
                { "policies", delegate(string[] a) { return Each(a[1], Compiled); } },
                { "time", delegate(string[] a) { return Time(Int32.Parse(a[1])); } },
                { "timer", delegate { return Parts.Timer(); } },
                { "host", delegate { return Parts.Host(); } },
                { "case", delegate(string[] a) { return new Cases(File.ReadAllText(a[1])).Run(); } },
            };
            Console.WriteLine(JsonWriter.Text(verbs[arguments[0]](arguments)));
            return 0;
        }

        static object Each(string path, Func<string, object> answer)
        {
            List<object> found = new List<object>();
            foreach (object text in (List<object>)JsonReader.Parse(File.ReadAllText(path))) found.Add(answer((string)text));
            return found;
        }

        static object Parsed(string text)
        {
            try
            {
                return JsonWriter.Text(JsonReader.Parse(text));
            }
            catch (FormatException error)
            {
                return "error: " + error.Message;
            }
        }

        static object Compiled(string text)
        {
            Dictionary<string, object> found = new Dictionary<string, object>();
            try
            {
                Policy policy = Policy.Parse(text);
                List<Rule> rules = policy.Rules(new int[] { 5986, 22 });
                found["digest"] = policy.Digest();
                found["rules"] = rules.ConvertAll<object>(delegate(Rule rule) { return rule.Canonical(); });
                found["lines"] = Line.Of(rules).ConvertAll<object>(delegate(Line line) { return line.Text(); });
            }
            catch (Exception error)
            {
                found["error"] = error.Message;
            }
            return found;
        }

        /// <summary>Milliseconds to plan a host that has COUNT rules and is to have as many others.</summary>
        static object Time(int count)
        {
            NastyStore store = new NastyStore(1);
            PretendHost host = new PretendHost();
            host.Ports.Add(5985);
            host.Connections.Add(new Connection { Peer = RandomHosts.Controller, Port = 5985 });
            host.Seam = new Seam(store, host, host);
            Dictionary<string, object> found = new Dictionary<string, object>();
            foreach (string what in new string[] { "first", "again", "others" })
            {
                Request request = new Request { State = "enforced", Port = 5985, Policy = Big(count, what == "others" ? 7 : 0) };
                Stopwatch watch = Stopwatch.StartNew();
                Convergence.Run(host.Seam, new Request { State = "enforced", Port = 5985, Policy = request.Policy, Check = true });
                found["plan " + what] = watch.ElapsedMilliseconds;
                watch = Stopwatch.StartNew();
                Convergence.Run(host.Seam, request);
                found["apply " + what] = watch.ElapsedMilliseconds;
            }
            return found;
        }

        static string Big(int count, int shift)
        {
            const string empty = "{\"format\":1,\"egress\":\"allow\",\"exclusive\":false,\"management\":{\"sources\":[\"any\"],\"ports\":[]},\"citations\":{}}";
            Dictionary<string, object> policy = (Dictionary<string, object>)JsonReader.Parse(empty);
            Dictionary<string, object> groups = new Dictionary<string, object>();
            List<object> rules = new List<object>();
            for (int i = 0; i < count; i++)
            {
                groups["g" + i] = new List<object> { "10." + i / 250 + "." + i % 250 + "." + (1 + shift) + "/32" };
                rules.Add(JsonReader.Parse("{\"direction\":\"ingress\",\"protocol\":\"tcp\",\"ports\":[\"" + (1 + i) + "\"],\"group\":\"g" + i
                    + "\",\"flows\":[\"product/flow-" + i + "\"]}"));
            }
            policy["groups"] = groups;
            policy["rules"] = rules;
            return JsonWriter.Text(policy);
        }
    }
}
