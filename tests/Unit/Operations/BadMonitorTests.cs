using System.Net.Sockets;
using System.Text;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Qmp;
using MomentTools.Tests.Qmp;

namespace MomentTools.Tests.Operations;

/// <summary>Attached machines whose monitor is not what it should be: said by name, and no image is opened behind a living machine's back.</summary>
public sealed class BadMonitorTests
{
    [SkippableTheory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n", "QmpProtocolViolation")]
    [InlineData("{\"QMP\": 7}\r\n", "QmpProtocolViolation")]
    [InlineData("(qemu) \n", "QmpProtocolViolation")]
    [InlineData("", "QmpMonitorBusy")]
    [InlineData(FakeMonitor.Greeting + "\r\n", "QmpMonitorSilent")]
    public async Task WhatIsNoMonitorIsSaid(string words, string id)
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string socket = Path.Combine(machine.Scratch, "m");
        using Socket listener = Listen(socket, words);
        await AttachAsync(machine, socket);
        ErrorId expected = new[] { QmpErrors.QmpProtocolViolation, QmpErrors.QmpMonitorBusy, QmpErrors.QmpMonitorSilent }.Single(known => known.Name == id);
        await Untouched.RefusedAsync(machine, () => CheckpointAsync(machine), expected, socket);
    }

    [SkippableFact]
    public async Task AMonitorThatSomebodyElseHoldsIsBusy()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await machine.StartAsync();
        string socket = (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Monitor!["unix:".Length..];
        using var holder = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await holder.ConnectAsync(new UnixDomainSocketEndPoint(socket));
        await Untouched.RefusedAsync(machine, () => machine.CheckpointAsync("new"), QmpErrors.QmpMonitorBusy, socket);
    }

    [SkippableFact]
    public async Task ADeadMonitorOfALivingMachineOpensNoImage()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        await AttachAsync(machine, Path.Combine(machine.Scratch, "dead"));
        await machine.StartAsync();
        MomentException failure = await Untouched.RefusedAsync(machine, () => CheckpointAsync(machine), DiskErrors.DiskLocked, machine.DiskPath("vda"));
        Assert.Contains("attach it by its monitor", failure.Advice, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task AMachineCannotBeMadeKnownByADeadMonitor()
    {
        await using TestMachine machine = await TestMachine.CreateAsync();
        string socket = Path.Combine(machine.Scratch, "dead");
        await Untouched.RefusedAsync(
            machine, () => machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Name = "att", Monitor = socket }, machine.Report, CancellationToken.None), QmpErrors.QmpMonitorUnreachable, socket);
        await Untouched.RefusedAsync(
            machine, () => machine.Engine.RegisterDomainAsync(new RegisterDomainRequest { Name = "att", Monitor = "tcp:nowhere" }, machine.Report, CancellationToken.None), QmpErrors.QmpAddressInvalid, "tcp:nowhere");
    }

    private static Socket Listen(string path, string words)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(8);
        _ = AnswerAsync(listener, words);
        return listener;
    }

    private static async Task AnswerAsync(Socket listener, string words)
    {
        List<Socket> clients = [];
        try
        {
            while (true)
            {
                Socket client = await listener.AcceptAsync();
                clients.Add(client);
                await client.SendAsync(Encoding.UTF8.GetBytes(words));
            }
        }
        catch (Exception end) when (end is SocketException or ObjectDisposedException)
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    private static Task<VMDomain> AttachAsync(TestMachine machine, string socket) => machine.Engine.RegisterDomainAsync(
        new RegisterDomainRequest
        {
            Xml = machine.Xml().Replace("6f1b2a6e", "00000001", StringComparison.Ordinal), Name = "att", Monitor = socket,
        }, machine.Report, CancellationToken.None);

    private static Task<VMCheckpoint> CheckpointAsync(TestMachine machine) =>
        machine.Engine.CreateCheckpointAsync("att", new CreateCheckpointRequest { Name = "new" }, machine.Report, CancellationToken.None);
}
