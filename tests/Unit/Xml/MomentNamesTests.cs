using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Tests.Xml;

public sealed class MomentNamesTests
{
    [Theory]
    [InlineData("monday")]
    [InlineData("1525889631")]
    [InlineData("-a_b.c-")]
    public void NamesThatLibvirtTakesForCheckpointsAreTaken(string name)
    {
        MomentNames.CheckCheckpoint(name);
        MomentNames.CheckSnapshot(name);
        MomentNames.CheckDomain(name);
    }

    [Theory]
    [InlineData("before the upgrade")]
    [InlineData("vor dem Übergang")]
    [InlineData("स्नैपशॉट १")]
    [InlineData("état: (1) + 😀")]
    public void SnapshotsMayBeCalledInAnyScript(string name)
    {
        MomentNames.CheckSnapshot(name);
        Assert.Equal(XmlErrors.MomentNameInvalid, Assert.Throws<MomentException>(() => MomentNames.CheckCheckpoint(name)).ErrorId);
    }

    [Theory]
    [InlineData("try-upgrade")]
    [InlineData("vor dem Übergang")]
    [InlineData("mtx")]
    public void BranchesAreCalledLikeSnapshots(string name) => MomentNames.CheckBranch(name);

    [Theory]
    [InlineData("mt-4711")]
    [InlineData("MT-4711")]
    [InlineData("a*")]
    public void WhatIsKeptAsideHasNamesThatNoBranchMayHave(string name) =>
        Assert.Equal(XmlErrors.BranchNameInvalid, Assert.Throws<MomentException>(() => MomentNames.CheckBranch(name)).ErrorId);

    [Theory]
    [InlineData("", "empty")]
    [InlineData("  ", "blank")]
    [InlineData("a/b", "'/'")]
    [InlineData(".", "'.'")]
    [InlineData("..", "'.'")]
    [InlineData(".x", "'.'")]
    [InlineData("a\nb", "control")]
    [InlineData("a\u0000", "control")]
    [InlineData("a\u0085", "control")]
    [InlineData("a\u2028b", "control")]
    [InlineData("a\ud800", "not text")]
    [InlineData("a\uffff", "not text")]
    public void NamesThatNothingMayHaveAreRefusedWithTheRule(string name, string rule)
    {
        foreach (Action<string> check in (Action<string>[])[MomentNames.CheckCheckpoint, MomentNames.CheckSnapshot, MomentNames.CheckBranch, MomentNames.CheckDomain])
        {
            var error = Assert.Throws<MomentException>(() => check(name));
            Assert.Contains(rule, error.Message, StringComparison.Ordinal);
            Assert.DoesNotContain(error.Message, char.IsControl);
        }
    }

    [Theory]
    [InlineData("a*")]
    [InlineData("a?")]
    [InlineData("a[1")]
    [InlineData("1]")]
    public void SnapshotsMayNotHaveWildcards(string name) => Assert.Throws<MomentException>(() => MomentNames.CheckSnapshot(name));

    [Fact]
    public void TheLimitIsTwoHundredBytesNotCharacters()
    {
        MomentNames.CheckCheckpoint(new string('a', 200));
        MomentNames.CheckSnapshot(new string('ü', 100));
        Assert.Throws<MomentException>(() => MomentNames.CheckCheckpoint(new string('a', 201)));
        Assert.Throws<MomentException>(() => MomentNames.CheckSnapshot(new string('ü', 101)));
        Assert.True(Assert.Throws<MomentException>(() => MomentNames.CheckDomain(new string('a', 1 << 20))).Message.Length < 300);
    }
}
