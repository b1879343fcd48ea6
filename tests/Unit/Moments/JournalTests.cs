using System.Text.Json.Nodes;
using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Moments;

/// <summary>The record of one operation, and what a later process makes of it.</summary>
public sealed class JournalTests : IDisposable
{
    private static readonly FileChanges Changes = new(new Dictionary<string, string?>(StringComparer.Ordinal) { ["checkpoints/a.xml"] = "<a/>", ["old.xml"] = null });
    private readonly ScratchDirectory _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void AnOperationThatEndedIsNotPending()
    {
        using (Journal journal = Begin())
            journal.Commit(Changes);
        Assert.Empty(Journal.Pending(_scratch.Path));
        Assert.Equal("<a/>", File.ReadAllText(_scratch["checkpoints/a.xml"]));
    }

    [Fact]
    public void OneThatDiedTellsItsIntent()
    {
        using (Journal journal = Begin())
        {
        }

        JournalEntry entry = Assert.Single(Journal.Pending(_scratch.Path));
        Assert.Equal(("id1", "test", Environment.ProcessId), (entry.Id, entry.Operation, entry.ProcessId));
        Assert.Equal("x", (string?)entry.Intent["name"]);
        Assert.Null(entry.Commit);
        Assert.InRange(entry.Started, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow);
    }

    [Theory]
    [InlineData("test:commit")]
    [InlineData("test:apply checkpoints/a.xml")]
    [InlineData("test:before-end")]
    public void WhatWasDecidedIsDoneHoweverOften(string death)
    {
        File.WriteAllText(_scratch["old.xml"], "old");
        using (Journal journal = Begin(death))
            Assert.Throws<DeathException>(() => journal.Commit(Changes));
        string path = Assert.Single(Journal.Pending(_scratch.Path)).Path;
        string kept = File.ReadAllText(path);
        for (int time = 0; time < 2; time++)
        {
            File.WriteAllText(path, kept);
            JournalEntry entry = Assert.Single(Journal.Pending(_scratch.Path));
            Journal.Redo(_scratch.Path, entry);
            Assert.Equal("<a/>", File.ReadAllText(_scratch["checkpoints/a.xml"]));
            Assert.False(File.Exists(_scratch["old.xml"]));
            Assert.Empty(Journal.Pending(_scratch.Path));
        }
    }

    [Fact]
    public void ALineThatWasNotWrittenWholeWasNotTaken()
    {
        using (Journal journal = Begin("test:commit"))
            Assert.Throws<DeathException>(() => journal.Commit(Changes));
        string path = Assert.Single(Journal.Pending(_scratch.Path)).Path;
        string whole = File.ReadAllText(path);
        int intentEnd = whole.IndexOf('\n', StringComparison.Ordinal);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllText(path, whole[..length]);
            JournalEntry entry = Assert.Single(Journal.Pending(_scratch.Path));
            Assert.Null(entry.Commit);
            Assert.Equal(length > intentEnd ? "test" : "", entry.Operation);
        }
    }

    [Theory]
    [InlineData("garbage\n")]
    [InlineData("[]\n")]
    [InlineData("null\n")]
    [InlineData("{\"mark\": 7}\n")]
    [InlineData("{\"commit\": {\"a\": 7}}\n")]
    [InlineData("\n")]
    public void GarbageInTheMiddleIsSaidAndNothingIsRemoved(string line)
    {
        Begin().Dispose();
        string path = Assert.Single(Journal.Pending(_scratch.Path)).Path;
        File.AppendAllText(path, line + "{\"commit\": {}}\n");
        MomentException failure = Assert.Throws<MomentException>(() => Journal.Pending(_scratch.Path));
        Assert.Equal(MomentErrors.JournalUnreadable, failure.ErrorId);
        Assert.Contains(path, failure.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(path));
    }

    [Theory]
    [InlineData("{\"intent\": {}}\n")]
    [InlineData("{\"operation\": \"x\", \"process\": \"y\", \"started\": \"2026-01-01\", \"intent\": {}}\n")]
    [InlineData("{\"operation\": \"x\", \"process\": 99999999999, \"started\": \"2026-01-01\", \"intent\": {}}\n")]
    [InlineData("{\"operation\": \"x\", \"process\": 1, \"started\": \"never\", \"intent\": {}}\n")]
    public void AnIntentThatLacksSomethingIsSaid(string line)
    {
        Directory.CreateDirectory(_scratch["journal"]);
        File.WriteAllText(_scratch["journal/id1.jsonl"], line);
        Assert.Equal(MomentErrors.JournalUnreadable, Assert.Throws<MomentException>(() => Journal.Pending(_scratch.Path)).ErrorId);
    }

    [Fact]
    public void TheSpaceThatWasTakenIsGivenBack()
    {
        using (Journal journal = Begin())
        {
            journal.Reserve(Changes);
            Assert.Equal(2, Directory.GetFiles(_scratch["journal"]).Length);
            journal.Commit(Changes);
        }

        Assert.Empty(Directory.GetFiles(_scratch["journal"]));
        using (Journal journal = Begin())
            journal.Reserve(Changes);
        Journal.Remove(Assert.Single(Journal.Pending(_scratch.Path)).Path);
        Assert.Empty(Directory.GetFiles(_scratch["journal"]));
    }

    [Fact]
    public void ThePendingComeOldestFirst()
    {
        foreach (string id in (string[])["z", "a", "m"])
        {
            Journal.Begin(_scratch.Path, id, "test", [], null).Dispose();
            Thread.Sleep(2);
        }

        Assert.Equal(["z", "a", "m"], Journal.Pending(_scratch.Path).Select(entry => entry.Id));
    }

    private Journal Begin(string? death = null) =>
        Journal.Begin(_scratch.Path, "id1", "test", new JsonObject { ["name"] = "x" }, step => { if (step == death) throw new DeathException(); });

    private sealed class DeathException : Exception;
}
