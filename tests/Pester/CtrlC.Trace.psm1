# When something was asked of QEMU or a storage daemon, and when the answer was there: what Ctrl-C waits for there is not our time.

Add-Type @'
using System;
using System.Collections.Generic;
using System.Reflection;

public static class QmpWatch
{
    private static readonly List<(DateTimeOffset Time, string Text)> Lines = new();

    // Every connection of this process that is made from now on is listened to.
    public static void Attach(Assembly engine)
    {
        Type options = engine.GetType("MomentTools.Qmp.QmpOptions", true), line = engine.GetType("MomentTools.Qmp.QmpTraceLine", true);
        Delegate take = typeof(QmpWatch).GetMethod("Take", BindingFlags.NonPublic | BindingFlags.Static).MakeGenericMethod(line).CreateDelegate(typeof(Action<>).MakeGenericType(line));
        object standard = options.GetField("Default", BindingFlags.Public | BindingFlags.Static).GetValue(null);
        options.GetProperty("Trace").GetSetMethod(true).Invoke(standard, new object[] { take });
    }

    public static void Clear()
    {
        lock (Lines)
            Lines.Clear();
    }

    // How long of the time since then something was outstanding: a command, or the end of a job or a migration that was told to end.
    public static TimeSpan Waited(DateTimeOffset since, DateTimeOffset until)
    {
        int commands = 0;
        HashSet<string> ending = new();
        DateTimeOffset? from = null;
        TimeSpan waited = TimeSpan.Zero;
        lock (Lines)
        {
            foreach ((DateTimeOffset time, string text) in Lines)
            {
                if (text.StartsWith("{\"execute\"") || text.StartsWith("{\"exec-oob\""))
                    commands++;
                else if (text.Contains("\"return\":") || text.StartsWith("{\"error\"") || text.Contains("\"error\": {"))
                    commands = Math.Max(0, commands - 1);
                if (text.Contains("\"job-cancel\"") || text.Contains("\"migrate_cancel\""))
                    ending.Add(text.Contains("migrate") ? "migration" : "job");
                else if (text.Contains("JOB_STATUS_CHANGE") && (text.Contains("\"concluded\"") || text.Contains("\"null\"")))
                    ending.Remove("job");
                else if (text.Contains("\"MIGRATION\"") && (text.Contains("\"cancelled\"") || text.Contains("\"failed\"") || text.Contains("\"completed\"")))
                    ending.Remove("migration");
                bool busy = commands > 0 || ending.Count > 0;
                if (busy && from is null)
                    from = time;
                else if (!busy && from is { } start)
                {
                    if (time > since)
                        waited += time - (start > since ? start : since);
                    from = null;
                }
            }
        }

        return from is { } open && until > open ? waited + (until - (open > since ? open : since)) : waited;
    }

    public static string[] Told(DateTimeOffset since)
    {
        lock (Lines)
            return Lines.FindAll(line => line.Time >= since).ConvertAll(line => line.Time.ToString("HH:mm:ss.fff ") + (line.Text.Length > 160 ? line.Text.Substring(0, 160) : line.Text)).ToArray();
    }

    private static void Take<T>(T line)
    {
        string text = (string)typeof(T).GetProperty("Text").GetValue(line);
        lock (Lines)
            Lines.Add(((DateTimeOffset)typeof(T).GetProperty("Time").GetValue(line), text));
    }
}
'@

function Start-QmpWatch { [QmpWatch]::Attach([AppDomain]::CurrentDomain.GetAssemblies().Where{ $_.GetName().Name -eq 'MomentTools.Engine' }[0]) }

Export-ModuleMember -Function *
