using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using Portmatrix.Firewall;

namespace PortmatrixTests
{
    /// <summary>Replaces Schedule.Service and records the calls of the timer, in order.</summary>
    public class RecordingScheduler
    {
        public readonly List<object> Calls = new List<object>();
        public string Xml = "";
        public bool Missing;

        public void Connect() { Calls.Add("connect"); }

        public object GetFolder(string path)
        {
            Calls.Add("folder " + path);
            return this;
        }

        public object RegisterTask(string name, string xml, int flags, object user, object password, int logon,
            object security)
        {
            Calls.Add("register " + name + " " + flags + " " + user + " " + (password ?? "no password") + " " + logon);
            Xml = xml;
            return this;
        }

        public object GetTask(string name)
        {
            Calls.Add("task " + name);
            return this;
        }

        public object Run(object parameters)
        {
            Calls.Add("run");
            return this;
        }

        public void DeleteTask(string name, int flags)
        {
            Calls.Add("delete " + name + " " + flags);
            if (Missing) throw new FileNotFoundException("the task does not exist");
        }
    }

    /// <summary>Checks the real timer and host, as far as Linux allows.</summary>
    public static class HostParts
    {
        public static object CheckTask()
        {
            RecordingScheduler scheduler = new RecordingScheduler();
            ScheduledTask task = new ScheduledTask("C:\\O'Neil & <sons>", delegate { return scheduler; });
            task.Register("the-token", new DateTime(2026, 1, 2, 0, 0, 20, DateTimeKind.Utc));
            task.Run();
            task.Remove();
            scheduler.Missing = true;
            task.Remove();
            Dictionary<string, object> answer = new Dictionary<string, object>();
            answer["calls"] = scheduler.Calls;
            answer["xml"] = scheduler.Xml;
            return answer;
        }

        /// <summary>Access lists are not there on Linux: the folder is PATH, which exists.</summary>
        public static object CheckHost(string path)
        {
            WindowsHost host = new WindowsHost();
            RecordFolder folder = new RecordFolder(path);
            Dictionary<string, object> answer = new Dictionary<string, object>();
            Connection own = host.GetOwnConnection();
            answer["own"] = own == null ? null : own.Peer + " " + own.Port + " " + own.PeerPort + " " + own.Local;
            TcpListener listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            int port = ((IPEndPoint)listener.LocalEndpoint).Port;
            using (TcpClient client = new TcpClient("127.0.0.1", port))
            {
                answer["listens"] = host.GetListeningPorts().Contains(port);
                answer["loopback"] = host.GetEstablishedConnections().Exists(delegate(Connection connection)
                {
                    return connection.Peer == "127.0.0.1" || connection.Port == port;
                });
            }
            listener.Stop();
            CheckFolder(folder, answer);
            answer["second run"] = CheckLock(folder);
            answer["ended"] = CheckEndProcess(host);
            answer["alive"] = host.IsAlive(host.GetProcessIdentity()) && !host.IsAlive("1 1") && !host.IsAlive("none");
            return answer;
        }

        static void CheckFolder(RecordFolder folder, Dictionary<string, object> answer)
        {
            answer["missing file"] = folder.Read("memory.json");
            string text = new string('x', 200000) + "\u00e9\n\"";
            folder.Write("memory.json", "older");
            folder.Write("memory.json", text);
            answer["stored"] = new RecordFolder(folder.Path).Read("memory.json") == text;
            answer["claims"] = new List<object> { folder.TryCreate("claim.json", "first"),
                folder.TryCreate("claim.json", "second"),
                folder.Read("claim.json") };
            folder.RemoveIfEmpty();
            foreach (string name in new string[] { "memory.json", "memory.json", "claim.json" }) folder.Write(name,
                null);
            answer["deleted file"] = folder.Read("memory.json");
        }

        /// <summary>Whether a second run gets the lock while the first one has it, and afterwards.</summary>
        static List<object> CheckLock(RecordFolder folder)
        {
            bool second;
            using (folder.TryLock(1))
            using (IDisposable other = folder.TryLock(1)) second = other != null;
            using (IDisposable third = folder.TryLock(1)) return new List<object> { second, third != null };
        }

        [DllImport("libc")] static extern int kill(int process, int signal);

        /// <summary>Whether a process survives EndProcess with another start time, and ends with its own.</summary>
        static List<object> CheckEndProcess(WindowsHost host)
        {
            using (Process child = Process.Start(new ProcessStartInfo("sleep", "60") { UseShellExecute = false }))
            {
                host.EndProcess(child.Id + " 1");
                bool survived = !child.HasExited;
                host.EndProcess(child.Id + " " + child.StartTime.ToUniversalTime().Ticks);
                host.EndProcess(child.Id + " " + 1);
                host.EndProcess("none");
                bool ended = child.WaitForExit(5000);
                if (!ended) kill(child.Id, 9);
                return new List<object> { survived, ended };
            }
        }
    }
}
