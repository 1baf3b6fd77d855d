// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
using System;
using System.Globalization;
using System.Reflection;
using System.Security;
using ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Interfaces;

namespace ansible_collections.portmatrix.firewall.plugins.module_utils.windows.Timers
{
    /// <summary>
    /// A task of the Task Scheduler, late bound: no assembly to reference, and tests can replace the service by a plain
    /// object.
    /// </summary>
    public class TaskTimer : IRollbackTimer
    {
        const string TaskName = "portmatrix-rollback";
        const int CreateOrUpdate = 6, ServiceAccount = 5, FileNotFound = unchecked((int)0x80070002);
        readonly Func<object> createService;
        readonly Func<DateTime> getTime;

        public TaskTimer()
            : this(delegate { return Activator.CreateInstance(Type.GetTypeFromProgID("Schedule.Service", true)); },
                delegate { return DateTime.UtcNow; }) { }

        /// <summary>CREATESERVICE creates a Schedule.Service; GETTIME returns the time in UTC.</summary>
        public TaskTimer(Func<object> createService, Func<DateTime> getTime)
        {
            this.createService = createService;
            this.getTime = getTime;
        }

        public void Arm(string token, int seconds, string program)
        {
            Call(OpenRootFolder(), "RegisterTask", TaskName, BuildXml(token, getTime().AddSeconds(seconds)),
                CreateOrUpdate, "SYSTEM", null, ServiceAccount, null);
        }

        public void Disarm()
        {
            try
            {
                Call(OpenRootFolder(), "DeleteTask", TaskName, 0);
            }
            catch (Exception error)
            {
                if (error.HResult != FileNotFound) throw;
            }
        }

        object OpenRootFolder()
        {
            object service = createService();
            Call(service, "Connect");
            return Call(service, "GetFolder", "\\");
        }

        /// <summary>
        /// The definition of the task. It runs at DUE and at the next start of the host; a missed run is made up for.
        /// </summary>
        public static string BuildXml(string token, DateTime due)
        {
            const string key = @"HKLM:\SOFTWARE\portmatrix\firewall";
            string arguments = "-NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "
                + "\"& ([ScriptBlock]::Create((Get-ItemProperty -LiteralPath '" + key + "').Program))"
                + " -Token " + token + "\"";
            return "<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">"
                + "<RegistrationInfo><Author>portmatrix.firewall</Author>"
                + "<Description>Restores the previous firewall rules unless the change is confirmed.</Description>"
                + "</RegistrationInfo>"
                + "<Triggers><TimeTrigger><StartBoundary>"
                + due.ToString("yyyy-MM-ddTHH:mm:ss'Z'", CultureInfo.InvariantCulture)
                + "</StartBoundary></TimeTrigger><BootTrigger/></Triggers>"
                + "<Principals><Principal id=\"system\"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel>"
                + "</Principal></Principals>"
                + "<Settings><StartWhenAvailable>true</StartWhenAvailable>"
                + "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>"
                + "<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>"
                + "<RestartOnFailure><Interval>PT1M</Interval><Count>30</Count></RestartOnFailure>"
                + "<ExecutionTimeLimit>PT30M</ExecutionTimeLimit><Priority>4</Priority></Settings>"
                + "<Actions Context=\"system\"><Exec>"
                + "<Command>%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\powershell.exe</Command>"
                + "<Arguments>" + SecurityElement.Escape(arguments) + "</Arguments></Exec></Actions></Task>";
        }

        /// <summary>Call METHOD of TARGET; raise what the method raised.</summary>
        static object Call(object target, string method, params object[] arguments)
        {
            try
            {
                return target.GetType().InvokeMember(method, BindingFlags.InvokeMethod, null, target, arguments,
                    CultureInfo.InvariantCulture);
            }
            catch (TargetInvocationException error)
            {
                throw error.InnerException;
            }
        }
    }
}
