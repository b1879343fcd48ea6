using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines;

/// <summary>qemu-img's one command, and what it says when it cannot.</summary>
public sealed class ImageToolTests
{
    [SkippableFact]
    public async Task ASnapshotThatIsNotInTheImageIsNotApplied()
    {
        Tool.Require("qemu-img");
        using var scratch = new ScratchDirectory();
        string path = scratch["disk.qcow2"];
        Tool.Run("qemu-img", "create", "-q", "-f", "qcow2", path, "1M");
        MomentException failure = await Expect.FailsAsync(DiskErrors.SnapshotNotApplied, () => ImageTool.ApplySnapshotAsync("vda", path, "7"));
        Assert.Contains("'vda'", failure.Message, StringComparison.Ordinal);
        Assert.Contains($"'{path}'", failure.Message, StringComparison.Ordinal);
        // The tool's own words.
        Assert.Contains("snapshot '7'", failure.Message, StringComparison.Ordinal);
    }
}
