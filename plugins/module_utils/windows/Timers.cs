// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Globalization;
using System.Reflection;
using System.Security;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Seams;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Timers
{
    /// <summary>A task of the Task Scheduler, late bound: no assembly to reference, and a plain object can stand in for the service.</summary>
    public class TaskTimer : ITimer
    {
        const string Name = "portmatrix-rollback";
        const int CreateOrUpdate = 6, ServiceAccount = 5, FileNotFound = unchecked((int)0x80070002);
        readonly Func<object> connect;
        readonly Func<DateTime> now;

        public TaskTimer() : this(delegate { return Activator.CreateInstance(Type.GetTypeFromProgID("Schedule.Service", true)); },
            delegate { return DateTime.UtcNow; }) { }

        /// <summary>CONNECT makes a Schedule.Service; NOW is the time in UTC.</summary>
        public TaskTimer(Func<object> connect, Func<DateTime> now)
        {
            this.connect = connect;
            this.now = now;
        }

        public void Arm(string token, int seconds, string program)
        {
            Call(Root(), "RegisterTask", Name, Xml(token, now().AddSeconds(seconds)), CreateOrUpdate, "SYSTEM", null, ServiceAccount, null);
        }

        public void Disarm()
        {
            try
            {
                Call(Root(), "DeleteTask", Name, 0);
            }
            catch (Exception error)
            {
                if (error.HResult != FileNotFound) throw;
            }
        }

        object Root()
        {
            object service = connect();
            Call(service, "Connect");
            return Call(service, "GetFolder", "\\");
        }

        /// <summary>At DUE, and at the next start of the host, whichever comes first; a run that was missed is made up for.</summary>
        public static string Xml(string token, DateTime due)
        {
            const string program = @"HKLM:\SOFTWARE\portmatrix\firewall";
            string arguments = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -Command \"& ([ScriptBlock]::Create((Get-ItemProperty -LiteralPath '"
                + program + "').Program)) -Token " + token + "\"";
            return "<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">"
                + "<RegistrationInfo><Author>portmatrix.firewall</Author>"
                + "<Description>Brings the former firewall rules back unless the change is confirmed.</Description></RegistrationInfo>"
                + "<Triggers><TimeTrigger><StartBoundary>" + due.ToString("yyyy-MM-ddTHH:mm:ss'Z'", CultureInfo.InvariantCulture)
                    + "</StartBoundary></TimeTrigger><BootTrigger/></Triggers>"
                + "<Principals><Principal id=\"system\"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal></Principals>"
                + "<Settings><StartWhenAvailable>true</StartWhenAvailable><DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>"
                + "<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>"
                + "<RestartOnFailure><Interval>PT1M</Interval><Count>30</Count></RestartOnFailure>"
                + "<ExecutionTimeLimit>PT30M</ExecutionTimeLimit><Priority>4</Priority></Settings>"
                + "<Actions Context=\"system\"><Exec><Command>%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\powershell.exe</Command><Arguments>"
                    + SecurityElement.Escape(arguments) + "</Arguments></Exec></Actions></Task>";
        }

        static object Call(object target, string method, params object[] arguments)
        {
            try
            {
                return target.GetType().InvokeMember(method, BindingFlags.InvokeMethod, null, target, arguments, CultureInfo.InvariantCulture);
            }
            catch (TargetInvocationException error)
            {
                throw error.InnerException;
            }
        }
    }
}
