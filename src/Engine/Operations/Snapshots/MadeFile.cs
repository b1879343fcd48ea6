using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Machines;
using MomentTools.Qcow2;

namespace MomentTools.Operations.Snapshots;

/// <summary>A file that an operation makes, as its journal names it before it is there: an operation that is undone unlinks it.</summary>
/// <param name="Path">Where it is made; no file was there when that was written down.</param>
/// <param name="Backing">What it stands on, as its header says; null for a file that is no image.</param>
internal sealed record MadeFile(string Path, string? Backing)
{
    public JsonObject ToJson() => new() { ["path"] = Path, ["backing"] = Backing };

    public static MadeFile FromJson(JsonObject json) => new((string)json["path"]!, (string?)json["backing"]);

    /// <summary>Whether it is an image that a guest has written to: whatever was decided, that may be the only copy.</summary>
    public async Task<bool> HoldsDataAsync(CancellationToken cancellation)
    {
        try
        {
            if (Backing is null || !File.Exists(Path))
                return false;
            await using Qcow2Image image = await Qcow2Image.OpenAsync(Path, cancellation);
            return await ReusedOverlay.HoldsDataAsync(image, cancellation);
        }
        catch (MomentException failure) when (failure.Kind is not (ErrorKind.AccessDenied or ErrorKind.Storage))
        {
            // It was not made to its end, so nobody ever opened it.
            return false;
        }
    }

    /// <summary>Unlinks the file if it is the one: made since, still empty or an image on what was meant, and without a guest's data.</summary>
    /// <param name="since">When the journal was begun.</param>
    /// <param name="cancellation">Stops the look.</param>
    public async Task RemoveAsync(DateTimeOffset since, CancellationToken cancellation)
    {
        // Times of files tick coarsely.
        if (FileStamp.Of(Path) is not { } stamp || stamp.Changed < HostProcess.Before(since.UtcDateTime))
            return;
        if (stamp.Length == 0 || Backing is null || (await IsMeantAsync(cancellation) && !await HoldsDataAsync(cancellation)))
            DurableFile.Delete(Path);
    }

    // QEMU writes the header first, and what the image stands on a moment later.
    private async Task<bool> IsMeantAsync(CancellationToken cancellation)
    {
        try
        {
            return (await DiskChain.HeaderAsync(Path, cancellation)).BackingFile is var backing && (backing is null || backing == Backing);
        }
        catch (MomentException)
        {
            // Nobody knows what it is: it stays.
            return false;
        }
    }
}
