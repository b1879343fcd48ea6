using System.Diagnostics;
using System.Globalization;
using MomentTools.Qcow2;

namespace MomentTools.Bench;

/// <summary>
/// How much memory an operation takes at its peak above an idle process: each runs alone in a process of its own, whose resident size
/// before (VmRSS) and highest resident size after (VmHWM, proc(5)) are compared.
/// </summary>
internal static class PeakMemory
{
    public const string Option = "--peak";

    private const int Runs = 100_000;
    private const int Million = 1_000_000;
    private const long Grain = 64 << 10;
    private const long HugeSize = 1L << 40;
    private const long DataSize = 2L << 30;
    private const string Checkpoint = "before";

    private static readonly (string Name, string What, int LimitMiB)[] Operations =
    [
        ("backup", "full backup of 2 GiB of data", 200),
        ("verify", "test of that backup", 200),
        ("source", "test of it, compared with the running machine", 200),
        ("restore", "restore of it to a new file, every hash checked", 200),
        ("pull", "full backup of it by pull", 200),
        ("compare", "backup of it by comparison, nothing being proven", 200),
        ("merge", "that one and the full one folded into one", 200),
        ("in-place", "restore in place of the stopped machine", 200),
        ("changes", "changed blocks of a sparse 1 TiB disk, 100,000 runs, from a running machine", 200),
        ("bitmap", "the same bitmap read from the image file", 200),
        ("stopped", "changed blocks of a 1 TiB disk, 1,000,000 runs, each looked at, from a stopped machine", 64),
        ("running", "the same from a running machine", 64),
    ];

    /// <summary>The table's lines; a sentence instead where something is missing.</summary>
    public static async Task<IReadOnlyList<string>> TableAsync(CancellationToken cancellation)
    {
        if (Tool.Missing("qemu-system-x86_64", "qemu-storage-daemon", "qemu-img", "qemu-io") is { } missing)
            return [$"skipped: peak memory: {missing}"];
        string scratch = Directory.CreateTempSubdirectory("mtb").FullName;
        try
        {
            List<string> lines = ["| peak memory above the idle process | measured | limit |", "|---|---|---|"];
            string data = Directory.CreateDirectory(Path.Combine(scratch, "d")).FullName, huge = Directory.CreateDirectory(Path.Combine(scratch, "h")).FullName,
                million = Directory.CreateDirectory(Path.Combine(scratch, "m")).FullName;
            await using (Machine machine = await DataAsync(data, cancellation))
            await using (Machine sparse = await HugeAsync(huge, cancellation))
            await using (Machine dirty = await DirtyMachine.RegisterAsync(million, Million, HugeSize, cancellation))
            {
                foreach ((string name, string what, int limit) in Operations)
                {
                    if (name == "in-place")
                        await machine.Engine.StopDomainAsync(Machine.Name, force: true, TimeSpan.FromSeconds(60), machine, cancellation);
                    if (name == "running")
                        await dirty.Engine.StartDomainAsync(Machine.Name, paused: true, dirty, cancellation);
                    string printed = await Tool.RunAsync(
                        Environment.ProcessPath!, [.. Host(), Option, name, name switch { "changes" or "bitmap" => huge, "stopped" or "running" => million, _ => data }], cancellation);
                    lines.Add($"| {what} | {printed.Trim()} | {limit} MiB |");
                }
            }

            return lines;
        }
        finally
        {
            Directory.Delete(scratch, recursive: true);
        }
    }

    /// <summary>In the process of its own: runs one operation and prints its peak.</summary>
    public static async Task<int> RunAsync(string operation, string scratch)
    {
        var machine = new Machine(scratch);
        string repository = Path.Combine(scratch, "backup");
        if (operation is "stopped" or "running")
            await machine.Engine.CompareMomentsAsync(Machine.Name, DirtyMachine.Checkpoint, DirtyMachine.Checkpoint, [], machine, CancellationToken.None);
        GC.Collect();
        long idle = Status("VmRSS"), start = Stopwatch.GetTimestamp();
        switch (operation)
        {
            case "backup":
                await machine.Engine.BackupAsync(Machine.Name, new BackupRequest { Repository = repository, Kind = VMBackupKind.Full }, machine, CancellationToken.None);
                break;
            case "verify" or "source":
                if ((await machine.Engine.TestBackupsAsync(Machine.Name, new TestBackupRequest { Repository = repository, Source = operation == "source" }, machine, CancellationToken.None)).Count > 0)
                    throw new InvalidOperationException("a whole backup was found damaged");
                break;
            case "restore":
                await machine.Engine.RestoreBackupAsync(
                    Machine.Name, new RestoreBackupRequest { Repository = repository, Destination = Path.Combine(scratch, "restored") }, machine, CancellationToken.None);
                break;
            case "pull":
                await machine.Engine.BackupAsync(Machine.Name, new BackupRequest { Repository = repository, Kind = VMBackupKind.Full, Pull = true }, machine, CancellationToken.None);
                break;
            case "compare":
                foreach (VMBackup backup in await machine.Engine.GetBackupsAsync(repository, Machine.Name, null, machine, CancellationToken.None))
                    await machine.Engine.RemoveMomentsAsync(Machine.Name, new RemoveMomentRequest { Name = backup.Checkpoint! }, machine, CancellationToken.None);
                if (!(await machine.Engine.BackupAsync(Machine.Name, new BackupRequest { Repository = repository }, machine, CancellationToken.None)).Disks[0].Compared)
                    throw new InvalidOperationException("nothing was compared");
                break;
            case "merge":
                VMBackup newest = (await machine.Engine.GetBackupsAsync(repository, Machine.Name, null, machine, CancellationToken.None))[^1];
                await machine.Engine.MergeBackupAsync(Machine.Name, new MergeBackupRequest { Repository = repository, Id = newest.Id }, machine, CancellationToken.None);
                break;
            case "in-place":
                await machine.Engine.RestoreBackupAsync(Machine.Name, new RestoreBackupRequest { Repository = repository, InPlace = true }, machine, CancellationToken.None);
                break;
            case "stopped" or "running":
                if (await DirtyMachine.AskAsync(machine, sum: false, CancellationToken.None) is not (Million, _))
                    throw new InvalidOperationException("not all runs were found");
                break;
            case "changes":
                Require((await machine.Engine.GetChangedBlocksAsync(Machine.Name, Checkpoint, [], machine, CancellationToken.None)).Count);
                break;
            default:
                // The image is in use by its machine: the copy is as it was when it was closed.
                await using (Qcow2Image image = await Qcow2Image.OpenAsync(CopyOf(machine), CancellationToken.None))
                {
                    Qcow2Bitmap bitmap = (await image.BitmapsAsync(CancellationToken.None)).Single(one => one.Name == Checkpoint);
                    Require((await image.ReadBitmapAsync(bitmap, CancellationToken.None)).Count);
                }

                break;
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{(Status("VmHWM") - idle) / 1024} MiB in {seconds:0.00} s"));
        return 0;
    }

    private static async Task<Machine> DataAsync(string scratch, CancellationToken cancellation)
    {
        const long Piece = 64 << 20;
        Machine machine = await Machine.RegisterAsync(scratch, DataSize, 0, 1, cancellation);
        await machine.Engine.StartDomainAsync(Machine.Name, paused: true, machine, cancellation);
        for (long at = 0; at < DataSize; at += Piece)
            await machine.WriteAsync(at, Piece, (int)(at / Piece), cancellation);
        return machine;
    }

    private static async Task<Machine> HugeAsync(string scratch, CancellationToken cancellation)
    {
        Machine machine = await Machine.RegisterAsync(scratch, HugeSize, 0, 1, cancellation);
        await machine.Engine.CreateCheckpointAsync(Machine.Name, new CreateCheckpointRequest { Name = Checkpoint }, machine, cancellation);
        // The bitmap records in the image; discarding marks it and takes no room.
        var start = new ProcessStartInfo("qemu-io", ["-f", "qcow2", machine.Disk]) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process writer = Process.Start(start)!;
        Task drain = writer.StandardOutput.BaseStream.CopyToAsync(Stream.Null, cancellation);
        const long Step = HugeSize / Runs / Grain * Grain;
        for (long run = 0; run < Runs; run++)
            await writer.StandardInput.WriteLineAsync($"discard {run * Step} {Grain}".AsMemory(), cancellation);
        writer.StandardInput.Close();
        await drain;
        await writer.WaitForExitAsync(cancellation);
        File.Copy(machine.Disk, CopyOf(machine));
        await machine.Engine.StartDomainAsync(Machine.Name, paused: true, machine, cancellation);
        return machine;
    }

    private static string CopyOf(Machine machine) => machine.Disk + ".closed";

    private static void Require(int count)
    {
        if (count != Runs)
            throw new InvalidOperationException($"{count} runs were found, not {Runs}");
    }

    // Run by dotnet the program is its first argument, run by its own name it is not.
    private static string[] Host() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(PeakMemory).Assembly.Location] : [];

    private static long Status(string field) =>
        long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith(field + ":", StringComparison.Ordinal))[(field.Length + 1)..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
}
