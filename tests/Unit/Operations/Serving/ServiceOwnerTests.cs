using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations.Serving;

namespace MomentTools.Tests.Operations.Serving;

/// <summary>With whose end a block snapshot ends: row E1.</summary>
public sealed class ServiceOwnerTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 10, 0, 0, TimeSpan.Zero);

    [Fact]
    public void AMachinesNeverDiesByItself()
    {
        ServiceOwner owner = ServiceOwner.From(ownedBySession: false, lease: null, Now);
        Assert.Equal((VMServiceOwner.Machine, null), (owner.Kind, owner.Expires));
        Assert.False(owner.IsDead(DateTimeOffset.MaxValue));
        Assert.False(ServiceOwner.Export("1").IsDead(DateTimeOffset.MaxValue));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ALeaseRunsOut(bool session)
    {
        ServiceOwner owner = ServiceOwner.From(session, TimeSpan.FromMinutes(2), Now);
        Assert.Equal(Now.AddMinutes(2), owner.Expires);
        Assert.False(owner.IsDead(Now.AddSeconds(119)));
        Assert.True(owner.IsDead(Now.AddMinutes(2)));
    }

    [Fact]
    public void ASessionsDiesWithItsProcess()
    {
        ServiceOwner own = ServiceOwner.From(ownedBySession: true, lease: null, Now);
        Assert.Equal(Environment.ProcessId, own.ProcessId);
        Assert.False(own.IsDead(Now));
        // Another process may have got the number since.
        Assert.True((own with { ProcessStartedAt = own.ProcessStartedAt - 1 }).IsDead(Now));
        using Process child = Process.Start(new ProcessStartInfo("sleep") { ArgumentList = { "60" } })!;
        ServiceOwner other = own with { ProcessId = child.Id, ProcessStartedAt = HostProcess.Find(child.Id)!.StartTime };
        Assert.False(other.IsDead(Now));
        child.Kill();
        child.WaitForExit();
        Assert.True(other.IsDead(Now));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public void ALeaseWithoutTimeOrWithoutEndIsRefused(long ticks) =>
        Assert.Equal(ServingErrors.LeaseInvalid, Assert.Throws<MomentException>(() => ServiceOwner.From(ownedBySession: false, new TimeSpan(ticks), Now)).ErrorId);
}
