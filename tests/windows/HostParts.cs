using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Connections;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Errors;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Hosts;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Timers;

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

        public void DeleteTask(string name, int flags)
        {
            Calls.Add("delete " + name + " " + flags);
            if (Missing) throw new FileNotFoundException("the task does not exist");
        }
    }

    /// <summary>Checks the real timer and host, as far as Linux allows.</summary>
    public static class HostParts
    {
        public static object CheckTimer()
        {
            RecordingScheduler scheduler = new RecordingScheduler();
            TaskTimer timer = new TaskTimer(delegate { return scheduler; },
                delegate { return new DateTime(2026, 1, 1, 23, 59, 50, DateTimeKind.Utc); });
            timer.Arm("the-token", 30, "program");
            timer.Disarm();
            scheduler.Missing = true;
            timer.Disarm();
            Dictionary<string, object> answer = new Dictionary<string, object>();
            answer["calls"] = scheduler.Calls;
            answer["xml"] = scheduler.Xml;
            return answer;
        }

        public static object CheckHost()
        {
            WindowsHost host = new WindowsHost();
            Dictionary<string, object> answer = new Dictionary<string, object>();
            Connection own = host.GetOwnConnection();
            answer["own"] = own == null ? null : own.Peer + " " + own.Port + " " + own.PeerPort;
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
            CheckRegistry(host, answer);
            answer["second run"] = CheckLock(host);
            answer["ended"] = CheckEndProcess(host);
            return answer;
        }

        static void CheckRegistry(WindowsHost host, Dictionary<string, object> answer)
        {
            answer["missing value"] = host.ReadValue("Memory");
            string text = new string('x', 200000) + "\u00e9\n\"";
            host.WriteValue("Memory", text);
            answer["stored"] = new WindowsHost().ReadValue("Memory") == text;
            host.WriteValue("Memory", null);
            host.WriteValue("Memory", null);
            answer["deleted value"] = host.ReadValue("Memory");
        }

        /// <summary>
        /// The error of a second run while the first one has the lock; a third one gets it afterwards.
        /// </summary>
        static string CheckLock(WindowsHost host)
        {
            string message = "none";
            using (host.Lock(1))
            {
                Thread other = new Thread(delegate()
                {
                    try
                    {
                        host.Lock(1).Dispose();
                    }
                    catch (PolicyException error)
                    {
                        message = error.Message;
                    }
                });
                other.Start();
                other.Join();
            }
            host.Lock(1).Dispose();
            return message;
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
