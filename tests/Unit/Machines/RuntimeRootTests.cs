namespace MomentTools.Tests.Machines;

/// <summary>Where sockets are: the same for a terminal and for what runs without one, or the one would take the other's machines for stopped.</summary>
public sealed class RuntimeRootTests
{
    [Theory]
    [InlineData(null, "/run/momenttools")]
    [InlineData("/run/user/0", "/run/momenttools")]
    [InlineData("/run/user/1000", "/run/momenttools")]
    [InlineData("/srv/ci/7", "/srv/ci/7/momenttools")]
    public void RootsMachinesOutliveTheLoginAndAreSeenByTimers(string? named, string expected) =>
        Assert.Equal(expected, MomentEngineOptions.RuntimeRootOf(named, root: true, 0, _ => true));

    [Theory]
    [InlineData("/run/user/1000", true, "/run/user/1000/momenttools")]
    [InlineData(null, true, "/run/user/1000/momenttools")]
    [InlineData("/srv/ci/7", true, "/srv/ci/7/momenttools")]
    public void AUsersCronLooksWhereHisTerminalDoes(string? named, bool lingers, string expected) =>
        Assert.Equal(expected, MomentEngineOptions.RuntimeRootOf(named, root: false, 1000, path => lingers && path == "/run/user/1000"));

    [Fact]
    public void WithoutALoginAUserHasAPlaceOfHisOwn() =>
        Assert.Equal(Path.Combine(Path.GetTempPath(), "momenttools-1000"), MomentEngineOptions.RuntimeRootOf(null, root: false, 1000, _ => false));
}
