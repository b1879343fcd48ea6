namespace MomentTools.Tests.Hosting;

/// <summary>The tests that share a session of PowerShell and the environment of the process: one at a time.</summary>
[CollectionDefinition(nameof(HostedCollection))]
public sealed class HostedCollection : ICollectionFixture<HostedCollection>, IDisposable
{
    private HostedModule? _module;

    /// <summary>The session, made when it is first asked for. Skips the test where there is no PowerShell.</summary>
    internal HostedModule Module
    {
        get
        {
            PowerShellAssemblies.Require();
            return _module ??= new HostedModule();
        }
    }

    public void Dispose() => _module?.Dispose();
}
