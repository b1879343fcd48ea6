using System.Globalization;
using System.Runtime.InteropServices;

namespace MomentTools.Machines;

/// <summary>A process of this host as /proc shows it; the start time tells it from a later one with the same id.</summary>
/// <param name="StartTime">In clock ticks since the host's start (proc(5), /proc/pid/stat field 22).</param>
internal sealed partial record HostProcess(int Id, int ParentId, string Name, long StartTime)
{
    public const int Terminate = 15;
    public const int Kill = 9;

    // Clocks of files and of processes tick each 10 ms at least.
    private static readonly TimeSpan Ticks = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(5);

    /// <summary>All processes that this user may see.</summary>
    public static IEnumerable<HostProcess> All()
    {
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out int id) && Find(id) is { } process)
                yield return process;
    }

    /// <summary>The process, or null where none with this id lives; one that only waits to be reaped does not live.</summary>
    public static HostProcess? Find(int id)
    {
        if (Read(id, "stat") is not { } stat)
            return null;
        // The name stands in parentheses and may have parentheses and spaces itself.
        int open = stat.IndexOf('(', StringComparison.Ordinal), close = stat.LastIndexOf(')');
        if (open < 0 || close < open)
            return null;
        string[] fields = stat[(close + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (fields.Length < 20 || fields[0] is "Z" or "X")
            return null;
        return new HostProcess(
            id, int.Parse(fields[1], CultureInfo.InvariantCulture), stat[(open + 1)..close], long.Parse(fields[19], CultureInfo.InvariantCulture));
    }

    /// <summary>A time so long before another that a file written then was written before, whatever clock ticked, in nanoseconds since 1970.</summary>
    public static long Before(DateTime time) => Math.Max(0, (time - DateTime.UnixEpoch - Ticks).Ticks * 100);

    /// <summary>When it started, in nanoseconds since 1970, or a moment before; 0 where that cannot be told.</summary>
    public long StartedAt()
    {
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(Id);
            return Before(process.StartTime.ToUniversalTime());
        }
        catch (Exception unknown) when (unknown is ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception or IOException)
        {
            return 0;
        }
    }

    public bool IsAlive => Find(Id)?.StartTime == StartTime;

    /// <summary>Its arguments, the program first; none where it has ended or belongs to the kernel.</summary>
    public IReadOnlyList<string> CommandLine => Read(Id, "cmdline") is { Length: > 0 } text ? text.TrimEnd('\0').Split('\0') : [];

    /// <summary>Sends a signal, unless the process has ended.</summary>
    public void Signal(int signal)
    {
        if (IsAlive)
            _ = SendSignal(Id, signal);
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>Whether it ended in time.</returns>
    public async Task<bool> EndsWithinAsync(TimeSpan limit, CancellationToken cancellation)
    {
        long start = Environment.TickCount64;
        while (IsAlive)
        {
            if (Environment.TickCount64 - start > limit.TotalMilliseconds)
                return false;
            await Task.Delay(LookPeriod, cancellation);
        }

        return true;
    }

    private static string? Read(int id, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/{file}");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SendSignal(int pid, int signal);
}
