using MomentTools.Operations.Backups;
using MomentTools.Operations.Backups.Restoring;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Restoring;

/// <summary>What restores of dead processes left is taken back, and nothing else is touched.</summary>
public sealed class RestoreNoteTests : IDisposable
{
    // No process has this number.
    private static readonly StagingOwner Dead = StagingOwner.Current() with { ProcessId = int.MaxValue };

    private readonly ScratchDirectory _scratch = new();
    private readonly RecordingReport _report = new();

    [Fact]
    public void WhatIsNotWholeGoesAndWhatIsWholeGetsItsName()
    {
        RestoreNote.Entry file = Make("vda.qcow2", ".mt-1-0.partial");
        new RestoreNote(Dead, null, [file]).Write(_scratch[".mt-1.restore"]);
        Sweep();
        Assert.Empty(Left());

        file = Make("vda.qcow2", ".mt-2-0.partial").Stamped(_scratch.Path);
        new RestoreNote(Dead, null, [file]).Write(_scratch[".mt-2.restore"]);
        Sweep();
        Assert.Equal(["vda.qcow2"], Left());
    }

    [Fact]
    public void FilesOfAMachineThatWasNotRegisteredGoUnlessSomebodyWroteToThem()
    {
        foreach (string name in (string[])["a", "b"])
        {
            RestoreNote.Entry file = Make(name, $".mt-{name}-0.partial").Stamped(_scratch.Path);
            File.Move(_scratch[file.Temporary], _scratch[name]);
            new RestoreNote(Dead, Guid.NewGuid(), [file]).Write(_scratch[$".mt-{name}.restore"]);
        }

        File.AppendAllText(_scratch["b"], "more");
        Sweep();
        Assert.Equal(["b"], Left());
    }

    [Fact]
    public void TheFilesOfARegisteredMachineStay()
    {
        RestoreNote.Entry file = Make("a", ".mt-a-0.partial").Stamped(_scratch.Path);
        File.Move(_scratch[file.Temporary], _scratch["a"]);
        new RestoreNote(Dead, Guid.NewGuid(), [file]).Write(_scratch[".mt-a.restore"]);
        RestoreNote.Sweep(_scratch.Path, _ => true, _report);
        Assert.Equal(["a"], Left());
    }

    [Fact]
    public void WhoLivesIsLeftAlone()
    {
        new RestoreNote(StagingOwner.Current(), null, [Make("a", ".mt-a-0.partial")]).Write(_scratch[".mt-a.restore"]);
        Sweep();
        Assert.Equal([".mt-a-0.partial", ".mt-a.restore"], Left());
    }

    [Theory]
    [InlineData("../victim", ".mt-a-0.partial")]
    [InlineData("a", "../victim")]
    [InlineData("a", "victim")]
    [InlineData("..", ".mt-a-0.partial")]
    public void ANoteThatNamesOtherFilesIsNoNote(string name, string temporary)
    {
        string victim = _scratch["victim"];
        File.WriteAllText(victim, "mine");
        string directory = Directory.CreateDirectory(_scratch["in"]).FullName;
        File.WriteAllText(Path.Combine(directory, "victim"), "mine");
        new RestoreNote(Dead, Guid.NewGuid(), [new RestoreNote.Entry(name, temporary)]).Write(Path.Combine(directory, ".mt-a.restore"));
        RestoreNote.Sweep(directory, _ => false, _report);
        Assert.Equal("mine", File.ReadAllText(victim));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(directory, "victim")));
        Assert.Empty(_report.Warnings);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("{\"owner\":[1,2,\"x\",\"y\"],\"files\":[[1]]}")]
    [InlineData("{\"owner\":[],\"files\":[]}")]
    public void WhatIsNoNoteIsLeftAlone(string text)
    {
        File.WriteAllText(_scratch[".mt-a.restore"], text);
        Sweep();
        Assert.Equal([".mt-a.restore"], Left());
    }

    [Fact]
    public void AFifoOfSuchANameHoldsNobody()
    {
        Tool.Run("mkfifo", _scratch[".mt-a.restore"]);
        Sweep();
        Assert.Equal([".mt-a.restore"], Left());
    }

    [SkippableFact]
    public void ANoteIsAboutNobodysFilesButItsWriters()
    {
        RestoreNote.Entry file = Make("a", ".mt-a-0.partial").Stamped(_scratch.Path);
        File.Move(_scratch[file.Temporary], _scratch["a"]);
        Make("a", ".mt-a-0.partial");
        new RestoreNote(Dead, Guid.NewGuid(), [file]).Write(_scratch[".mt-a.restore"]);
        Skip.If(Tool.TryRun("chown", "65534", _scratch[".mt-a.restore"]).Exit != 0, "only root can give a file away");
        Sweep();
        Assert.Equal([".mt-a-0.partial", "a"], Left());
    }

    public void Dispose() => _scratch.Dispose();

    private RestoreNote.Entry Make(string name, string temporary)
    {
        File.WriteAllText(_scratch[temporary], "content");
        return new RestoreNote.Entry(name, temporary);
    }

    private void Sweep() => RestoreNote.Sweep(_scratch.Path, _ => false, _report);

    private string[] Left() => [.. Directory.GetFiles(_scratch.Path).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
