using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;

namespace MomentTools.Machines;

/// <summary>qemu-img, for the one thing that neither QEMU nor its storage daemon has a command for: to make a snapshot's content the disk's.</summary>
internal static class ImageTool
{
    private const string Program = "qemu-img";
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LockLook = TimeSpan.FromMilliseconds(50);
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Applies an internal snapshot of a qcow2 image that nobody has open and that holds no bitmap. Not cancelled: it takes a moment, and
    /// what was done is only known at its end.
    /// </summary>
    /// <param name="disk">The disk, for what is told.</param>
    /// <param name="path">The image. Of those beneath it none is opened.</param>
    /// <param name="snapshotId">The snapshot's id: names may be the ids of others, which go first.</param>
    public static async Task ApplySnapshotAsync(string disk, string path, string snapshotId)
    {
        var image = new JsonObject
        {
            ["driver"] = "qcow2",
            ["backing"] = null,
            ["file"] = new JsonObject { ["driver"] = Libc.IsBlockDevice(path) ? "host_device" : "file", ["filename"] = path },
        };
        for (long start = Environment.TickCount64; ; await Task.Delay(LockLook))
        {
            (int exit, string words) = await RunAsync(["snapshot", "-q", "-a", snapshotId, "json:" + image.ToJsonString(Plain)]);
            if (exit == 0)
                return;
            if (!ImageLock.Is(words))
                throw new MomentException(
                    DiskErrors.SnapshotNotApplied, $"Disk '{disk}': the snapshot with the id '{snapshotId}' of the image '{path}' could not be applied: {words}", disk,
                    "Look at the image with 'qemu-img check', then run the command again.");
            // A process that was killed keeps its locks until its last thread has ended.
            if (Environment.TickCount64 - start > LockPatience.TotalMilliseconds)
                throw DiskErrors.Locked($"apply a snapshot of disk '{disk}'", path, words);
        }
    }

    private static async Task<(int Exit, string Words)> RunAsync(string[] arguments)
    {
        ProcessStartInfo start = QemuPrograms.Start(QemuPrograms.Require(Program), arguments);
        using Process process = Process.Start(start)!;
        var words = new ProcessWords(process);
        await process.WaitForExitAsync(CancellationToken.None);
        return (process.ExitCode, await words.ToEndAsync());
    }
}
