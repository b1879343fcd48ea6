using MomentTools.Machines;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Hosting;

/// <summary>
/// A state root that the hosted module works on: it is told by an environment variable, which all of this process has, so the tests that
/// use it do not run at once with each other.
/// </summary>
public sealed class HostedState : IDisposable
{
    private const string Home = "MOMENTTOOLS_HOME";

    private readonly ScratchDirectory _scratch = new();
    private readonly string? _before = Environment.GetEnvironmentVariable(Home);

    public HostedState() => Environment.SetEnvironmentVariable(Home, Root);

    /// <summary>A directory for whatever else a test needs.</summary>
    public string Scratch => _scratch.Path;

    internal string Root => _scratch["home"];

    internal DomainCatalogue Catalogue => new(Root, _scratch["run"]);

    internal ForgedDomain Domain(string name, params string[] disks) => new(Catalogue, name, disks.Length == 0 ? ["vda"] : disks);

    /// <summary>A machine that somebody else started, behind this socket.</summary>
    internal ForgedDomain Attached(string name, string monitor) => new(Catalogue, name, ["vda"], monitor);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(Home, _before);
        _scratch.Dispose();
    }
}
