using System.Net.Sockets;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Machines;

/// <summary>Sockets of a machine that this user may not reach: told apart from those that nobody serves.</summary>
public sealed class DeniedSocketTests : IDisposable
{
    private readonly ScratchDirectory _scratch = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public DeniedSocketTests()
    {
        Directory.CreateDirectory(Closed);
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen();
        File.SetUnixFileMode(Closed, UnixFileMode.None);
    }

    private string Closed => _scratch["closed"];

    private string Path => System.IO.Path.Combine(Closed, "socket");

    public void Dispose()
    {
        File.SetUnixFileMode(Closed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _listener.Dispose();
        _scratch.Dispose();
    }

    [Fact]
    public void AMonitorThatMayNotBeReachedIsDenied()
    {
        MomentException denied = Denied(() => QmpClient.ConnectAsync(new UnixQmpAddress(Path), CancellationToken.None));
        Assert.Equal(QmpErrors.QmpMonitorAccessDenied, denied.ErrorId);
        Assert.Contains(Path, denied.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AGuestAgentThatMayNotBeReachedIsDenied()
    {
        MomentException denied = Denied(() => GuestAgent.ConnectAsync("web1", Path, GuestAgentOptions.Default, CancellationToken.None));
        Assert.Equal(GuestAgentErrors.GuestAgentAccessDenied, denied.ErrorId);
        Assert.Contains("'web1'", denied.Message, StringComparison.Ordinal);
        Assert.Contains(Path, denied.Message, StringComparison.Ordinal);
    }

    private static MomentException Denied(Func<Task> connect)
    {
        MomentException denied = Assert.Throws<MomentException>(() => NobodysRights.Run(connect));
        Assert.Contains("permission", denied.Advice, StringComparison.Ordinal);
        return denied;
    }
}
