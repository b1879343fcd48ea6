using System.Globalization;
using System.Text;
using MomentTools.Files;
using MomentTools.Machines;

namespace MomentTools.Operations.Backups;

/// <summary>The process that fills a staging directory, so that others can tell whether it still lives.</summary>
/// <param name="ProcessId">Its number.</param>
/// <param name="StartTime">When it started, in clock ticks since the system's start (proc_pid_stat, field 22): numbers are used again.</param>
/// <param name="Boot">The run of the kernel it belongs to (<c>/proc/sys/kernel/random/boot_id</c>).</param>
/// <param name="Host">The machine it runs on: a repository may be shared over a network.</param>
internal sealed record StagingOwner(int ProcessId, long StartTime, string Boot, string Host)
{
    private const int LongestFile = 1024;

    public static StagingOwner Current() => new(
        Environment.ProcessId, HostProcess.Find(Environment.ProcessId)?.StartTime ?? 0, CurrentBoot(), Environment.MachineName);

    public void Write(string path) => DurableFile.Write(
        path, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{ProcessId}\n{StartTime}\n{Boot}\n{Host}\n")), shared: true);

    /// <summary>The owner that a file tells; null where it tells none.</summary>
    public static StagingOwner? Read(string path)
    {
        try
        {
            using FileStream file = PlainFile.OpenRead(path);
            byte[] bytes = new byte[LongestFile];
            string[] lines = Encoding.UTF8.GetString(bytes, 0, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)).Split('\n');
            return lines.Length == 5
                && int.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out int processId)
                && long.TryParse(lines[1], NumberStyles.None, CultureInfo.InvariantCulture, out long start)
                    ? new StagingOwner(processId, start, lines[2], lines[3])
                    : null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw FileErrors.From(failure, "read the owner of an unfinished backup from", path);
        }
    }

    /// <summary>Whether the process is known to have ended. What runs on another machine cannot be known.</summary>
    public bool IsGone() => Host == Environment.MachineName && (Boot != CurrentBoot() || HostProcess.Find(ProcessId)?.StartTime != StartTime);

    private static string CurrentBoot() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
}
