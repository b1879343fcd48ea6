using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Metadata;
using MomentTools.Tests.Support;
using static MomentTools.Tests.Operations.Metadata.Documents;

namespace MomentTools.Tests.Operations.Metadata;

public sealed class ExportTests
{
    private const string Schemas = "/usr/share/libvirt/schemas";

    [SkippableFact]
    public async Task ASingleMomentIsStrictlyLibvirts()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.CheckpointAsync("a");
        await machine.CheckpointAsync("b", "vda");
        await machine.ImportAsync(Snapshot("s p a c é"));
        foreach (string name in (string[])["a", "b"])
        {
            Valid(machine, "domaincheckpoint", await machine.ExportAsync(new ExportMomentsRequest { Names = [name] }));
            Valid(machine, "domaincheckpoint", await machine.ExportAsync(new ExportMomentsRequest { Names = [name], NoDomain = true, Size = true }));
        }

        Valid(machine, "domainsnapshot", await machine.ExportAsync(new ExportMomentsRequest { Names = ["s p a c é"] }));
        string b = await machine.ExportAsync(new ExportMomentsRequest { Names = ["b"] });
        Assert.DoesNotContain("momenttools", b, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("<parent>", b, StringComparison.Ordinal);
        Assert.Contains("<domain ", b, StringComparison.Ordinal);
        Assert.DoesNotContain("<domain ", await machine.ExportAsync(new ExportMomentsRequest { Names = ["b"], NoDomain = true }), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AnExportIsReadAgainAsTheSame()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.CheckpointAsync("b");
        string before = await machine.ExportAsync(new ExportMomentsRequest { Names = ["b"] });
        await machine.Engine.RemoveMomentsAsync(TestMachine.Name, new RemoveMomentRequest { Name = "b", MetadataOnly = true }, machine.Report, CancellationToken.None);
        await machine.ImportAsync(before);
        Assert.Equal(before, await machine.ExportAsync(new ExportMomentsRequest { Names = ["b"] }));
    }

    [SkippableFact]
    public async Task SizesAreMeasuredAndABrokenBitmapIsAnError()
    {
        await using TestMachine machine = await TestMachine.CreateAsync(null, "vda", "vdb");
        await machine.CheckpointAsync("a");
        await machine.WriteAsync("vda", 1, 0, 65536);
        Assert.Contains("<disk name=\"vda\" checkpoint=\"bitmap\" bitmap=\"a\" size=\"65536\" />", await machine.ExportAsync(new ExportMomentsRequest { Names = ["a"], Size = true }), StringComparison.Ordinal);
        Assert.DoesNotContain("size=", await machine.ExportAsync(new ExportMomentsRequest { Names = ["a"], NoDomain = true }), StringComparison.Ordinal);
        Tool.Run("qemu-img", "bitmap", "--remove", machine.DiskPath("vda"), "a");
        string xml = await machine.ExportAsync(new ExportMomentsRequest { Names = ["a"], Size = true });
        MomentException failure = Assert.Single(machine.Report.Failures);
        Assert.Equal(OperationErrors.ChangesUnknown, failure.ErrorId);
        Assert.Equal("vda", failure.Target);
        Assert.Contains("<disk name=\"vdb\" checkpoint=\"bitmap\" bitmap=\"a\" size=\"0\" />", xml, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task NothingIsOverwrittenUnlessAsked()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.CheckpointAsync("a");
        await machine.CheckpointAsync("b");
        string directory = Path.Combine(machine.Scratch, "out") + "/";
        IReadOnlyList<VMMomentDocument> written = await WriteAsync(machine, directory, false);
        Assert.Equal(["a.xml", "b.xml"], written.Select(document => Path.GetFileName(document.Path)));
        await File.WriteAllTextAsync(Path.Combine(directory, "b.xml"), "mine");
        File.Delete(Path.Combine(directory, "a.xml"));
        MomentException failure = await Assert.ThrowsAsync<MomentException>(() => WriteAsync(machine, directory, false));
        Assert.Equal(FileErrors.FileExists, failure.ErrorId);
        Assert.Equal(["b.xml"], Directory.EnumerateFileSystemEntries(directory).Select(Path.GetFileName));
        Assert.Equal("mine", await File.ReadAllTextAsync(Path.Combine(directory, "b.xml")));
        await WriteAsync(machine, directory, true);
        Assert.Contains("<name>b</name>", await File.ReadAllTextAsync(Path.Combine(directory, "b.xml")), StringComparison.Ordinal);

        string file = Path.Combine(machine.Scratch, "all.xml");
        Assert.Equal(file, Assert.Single(await WriteAsync(machine, file, false)).Path);
        await Assert.ThrowsAsync<MomentException>(() => WriteAsync(machine, file, false));
        Assert.Equal(MetadataErrors.ExportPathInvalid, (await Assert.ThrowsAsync<MomentException>(() => WriteAsync(machine, Path.Combine(machine.Scratch, "two.xml"), false, "a", "b"))).ErrorId);
    }

    [SkippableFact]
    public async Task WhatIsNotThereCannotBeExported()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        Assert.Equal(MetadataErrors.ExportNothing, (await Assert.ThrowsAsync<MomentException>(() => machine.ExportAsync())).ErrorId);
        await machine.CheckpointAsync("monday");
        Assert.Equal(MomentErrors.MomentNotFound, (await Assert.ThrowsAsync<MomentException>(() => machine.ExportAsync(new ExportMomentsRequest { Names = ["munday"] }))).ErrorId);
        Assert.Equal(MetadataErrors.ExportNothing, (await Assert.ThrowsAsync<MomentException>(() => machine.ExportAsync(new ExportMomentsRequest { Names = ["x*"] }))).ErrorId);
    }

    [SkippableFact]
    public async Task SecretsGoOutOnlyWhenAsked()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.ImportAsync(Checkpoint("a", more: machine.Xml().Replace("</devices>", "<graphics type='vnc' passwd='hush'/></devices>", StringComparison.Ordinal)));
        Assert.DoesNotContain("hush", await machine.ExportAsync(new ExportMomentsRequest { Names = ["a"] }), StringComparison.Ordinal);
        Assert.Contains("hush", await machine.ExportAsync(new ExportMomentsRequest { Names = ["a"], Secure = true }), StringComparison.Ordinal);
    }

    private static Task<IReadOnlyList<VMMomentDocument>> WriteAsync(TestMachine machine, string path, bool force, params string[] names) =>
        machine.Engine.ExportMomentsAsync(TestMachine.Name, new ExportMomentsRequest { Names = names, Path = path, Force = force }, machine.Report, CancellationToken.None);

    private static void Valid(TestMachine machine, string schema, string xml)
    {
        Tool.Require("xmllint");
        Skip.IfNot(Directory.Exists(Schemas), "libvirt's schemas are not installed");
        string file = Path.Combine(machine.Scratch, Guid.NewGuid().ToString("N") + ".xml");
        File.WriteAllText(file, xml);
        (int exit, _, string error) = Tool.TryRun("xmllint", "--noout", "--relaxng", Path.Combine(Schemas, schema + ".rng"), file);
        Assert.True(exit == 0, error);
    }
}
