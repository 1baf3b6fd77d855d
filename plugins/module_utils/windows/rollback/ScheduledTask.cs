// Copyright: (c) 2026, the portmatrix.firewall authors
// GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

namespace Portmatrix.Firewall
{
    using System;
    using System.Globalization;
    using System.Reflection;
    using System.Security;

    /// <summary>
    /// A task of the Task Scheduler, late bound: no assembly to reference, and tests can replace the service by a plain
    /// object.
    /// </summary>
    public class ScheduledTask : IRollbackTask
    {
        const string TaskName = "portmatrix-rollback";
        const int CreateOrUpdate = 6, ServiceAccount = 5, FileNotFound = unchecked((int)0x80070002);
        readonly Func<object> createService;
        readonly string folder;

        /// <summary>FOLDER is the path of the records, where the program lies.</summary>
        public ScheduledTask(string folder)
            : this(folder, delegate { return Activator.CreateInstance(Type.GetTypeFromProgID("Schedule.Service",
                true)); }) { }

        /// <summary>CREATESERVICE creates a Schedule.Service.</summary>
        public ScheduledTask(string folder, Func<object> createService)
        {
            this.folder = folder;
            this.createService = createService;
        }

        public void Register(string token, DateTime due)
        {
            Call(OpenRootFolder(), "RegisterTask", TaskName, BuildXml(folder, token, due), CreateOrUpdate, "SYSTEM",
                null,
                ServiceAccount, null);
        }

        public void Run()
        {
            Call(Call(OpenRootFolder(), "GetTask", TaskName), "Run", new object[] { null });
        }

        public void Remove()
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
        /// What the task runs: the library that SYSTEM compiled at the rehearsal, from the program that lies beside it.
        /// </summary>
        public static string BuildScript(string folder, string token)
        {
            return "$ErrorActionPreference = 'Stop'; $folder = '" + folder.Replace("'", "''") + "'; "
                + "$library = Join-Path $folder '" + Records.Library + "'; "
                + "$source = Join-Path $folder '" + Records.Program + "'; "
                + "if (-not (Test-Path -LiteralPath $library)) "
                + "{ Add-Type -TypeDefinition ([IO.File]::ReadAllText($source)) -OutputAssembly $library }; "
                // not by its path, so that it can be deleted while it runs; a loss of power may have damaged it
                + "try { $null = [Reflection.Assembly]::Load([IO.File]::ReadAllBytes($library)) } "
                + "catch { Add-Type -TypeDefinition ([IO.File]::ReadAllText($source)) }; "
                + "exit [Portmatrix.Firewall.Program]::RunTask('" + token + "')";
        }

        /// <summary>
        /// The definition of the task. A trigger repeats until the task deletes itself: a restart on failure covers
        /// actions that fail to start, not programs that end with an error.
        /// </summary>
        public static string BuildXml(string folder, string token, DateTime due)
        {
            const string repetition = "<Repetition><Interval>PT1M</Interval></Repetition>";
            return "<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">"
                + "<RegistrationInfo><Author>portmatrix.firewall</Author>"
                + "<Description>Restores the previous firewall rules unless the change is confirmed.</Description>"
                + "</RegistrationInfo>"
                + "<Triggers><TimeTrigger>" + repetition + "<StartBoundary>"
                + due.ToString("yyyy-MM-ddTHH:mm:ss'Z'", CultureInfo.InvariantCulture)
                + "</StartBoundary></TimeTrigger><BootTrigger>" + repetition + "</BootTrigger></Triggers>"
                + "<Principals><Principal id=\"system\"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel>"
                + "</Principal></Principals>"
                + "<Settings><StartWhenAvailable>true</StartWhenAvailable>"
                + "<DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>"
                + "<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>"
                + "<ExecutionTimeLimit>PT10M</ExecutionTimeLimit><Priority>4</Priority></Settings>"
                + "<Actions Context=\"system\"><Exec>"
                + "<Command>%SystemRoot%\\System32\\WindowsPowerShell\\v1.0\\powershell.exe</Command>"
                + "<Arguments>-NoProfile -NonInteractive -Command \""
                + SecurityElement.Escape(BuildScript(folder, token)) + "\"</Arguments></Exec></Actions></Task>";
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
