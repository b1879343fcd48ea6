using MomentTools.Operations;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

public sealed class BackupCompletionTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void TheNewestComesFirstWithWhatItIs()
    {
        Write("web1", SampleManifest.Of(1));
        Write("web1", SampleManifest.Of(3) with { Kind = VMBackupKind.Differential, Vm = "new" });
        Write("db", SampleManifest.Of(2, SampleManifest.Disk("vda")) with { Vm = "db" });
        Directory.CreateDirectory(_scratch["r/web1/notes"]);
        Directory.CreateDirectory(_scratch["r/web1/" + SampleManifest.Id(8)]);
        File.WriteAllText(Path.Combine(Write("web1", SampleManifest.Of(9)), BackupManifest.FileName), "{\"Vm\": 7");
        Assert.Equal([SampleManifest.Id(3), SampleManifest.Id(2), SampleManifest.Id(1)], Ids(null));
        Assert.Equal([SampleManifest.Id(3), SampleManifest.Id(1)], Ids("web1"));
        Assert.Equal([SampleManifest.Id(3)], Ids("new"));
        CompletionItem newest = Items(_scratch["r"], null)[0];
        Assert.StartsWith("differential backup of new, ", newest.Tip, StringComparison.Ordinal);
        Assert.EndsWith(" KiB", newest.Tip, StringComparison.Ordinal);
    }

    [Fact]
    public void NothingIsThrownAndThousandsOfHashesAreNotRead()
    {
        Assert.Empty(Items(_scratch["nosuch"], null));
        Assert.Empty(Items("", null));
        File.WriteAllText(_scratch["file"], "");
        Assert.Empty(Items(_scratch["file"], null));
        for (int number = 1; number <= 100; number++)
            File.AppendAllText(Path.Combine(Write("web1", SampleManifest.Of(number)), BackupManifest.FileName), new string(' ', 1 << 20));
        Ids(null);
        Quick.Within(TimeSpan.FromMilliseconds(500), () => Assert.Equal(100, Ids(null).Length));
    }

    private string[] Ids(string? vm) => [.. Items(_scratch["r"], vm).Select(item => item.Text)];

    private static IReadOnlyList<CompletionItem> Items(string repository, string? vm) =>
        MomentCompletion.Backups(repository, new CompletionQuery { VM = vm is null ? [] : [vm] }, standing: false, beneath: null);

    private string Write(string domain, BackupManifest manifest)
    {
        string directory = _scratch[$"r/{domain}/{manifest.Id}"];
        Directory.CreateDirectory(directory);
        File.WriteAllBytes(Path.Combine(directory, BackupManifest.FileName), BackupManifestFile.ToBytes(manifest));
        return directory;
    }
}
