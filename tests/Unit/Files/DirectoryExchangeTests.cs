using MomentTools.Errors;
using MomentTools.Files;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Files;

public sealed class DirectoryExchangeTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void BothHaveTheOthersPlace(bool atomic)
    {
        Make("one");
        Make("two");
        List<string> steps = [];
        new DirectoryExchange(atomic, steps.Add).Run(_scratch["one"], _scratch["two"], _scratch["aside"]);
        Assert.Equal(("two", "one"), (File.ReadAllText(_scratch["one/name"]), File.ReadAllText(_scratch["two/name"])));
        Assert.False(Directory.Exists(_scratch["aside"]));
        // Two names at one instant have no step between.
        Assert.Equal(atomic ? 0 : 2, steps.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void WhereThereIsNothingToPutThereItStaysAsItIs(bool atomic)
    {
        Make("one");
        MomentException failure = Assert.Throws<MomentException>(() => new DirectoryExchange(atomic).Run(_scratch["one"], _scratch["two"], _scratch["aside"]));
        Assert.NotNull(failure.Target);
        Assert.Equal("one", File.ReadAllText(_scratch["one/name"]));
        Assert.False(Directory.Exists(_scratch["aside"]));
    }

    [Fact]
    public void WhatLiesAsideGetsItsNameBackOnlyWhereNothingHasIt()
    {
        Make("aside");
        Assert.True(DirectoryExchange.Recover(_scratch["one"], _scratch["aside"]));
        Assert.Equal("aside", File.ReadAllText(_scratch["one/name"]));
        Make("aside");
        Assert.False(DirectoryExchange.Recover(_scratch["one"], _scratch["aside"]));
        Assert.True(Directory.Exists(_scratch["aside"]));
    }

    public void Dispose() => _scratch.Dispose();

    private void Make(string name)
    {
        Directory.CreateDirectory(_scratch[name]);
        File.WriteAllText(_scratch[name + "/name"], name);
    }
}
