using System.Diagnostics;
using MomentTools.Errors;
using MomentTools.Machines;
using MomentTools.Operations.Backups.Restoring;

namespace MomentTools.Operations.Backups.Checking;

/// <summary>
/// Starts a backup on overlays that are thrown away, cut off from the network and from the host, and waits for a sign of life: an answer of
/// its guest's agent, or a text on one of its consoles. However that ends, nothing stays of it; the repository is only read.
/// </summary>
/// <param name="stateRoot">Where the overlays lie meanwhile.</param>
/// <param name="runtimeRoot">Where the sockets lie meanwhile.</param>
/// <param name="report">Where progress goes.</param>
internal sealed class BackupBoot(string stateRoot, string runtimeRoot, IOperationReport report)
{
    private static readonly TimeSpan LookPeriod = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(2);

    /// <summary>Starts the backup.</summary>
    /// <param name="backup">The backup.</param>
    /// <param name="chains">The files of all its disks.</param>
    /// <param name="text">The sign of life on a console; null for an answer of the agent.</param>
    /// <param name="timeout">How long to wait for it.</param>
    /// <param name="cancellation">Stops the wait; the machine is ended then.</param>
    /// <returns>What is wrong (<c>BackupBootFailed</c>), or null where it lives.</returns>
    /// <exception cref="MomentException"><c>BackupBootSignMissing</c>, or why the machine cannot be started at all on this host.</exception>
    public async Task<MomentException?> RunAsync(
        BackupManifest backup, IReadOnlyList<BackupChain> chains, string? text, TimeSpan timeout, CancellationToken cancellation)
    {
        await using BootPlace boot = await BootPlace.MakeAsync(stateRoot, runtimeRoot);
        DomainPlace place = boot.Place;
        var files = new InstantFiles(new BackupSelection(backup, chains), place.StateDirectory, place.Name);
        await files.CheckAsync(cancellation);
        DomainCopy copy = DomainCopy.Make(await BackupDocuments.DomainAsync(backup, cancellation), place.Name, place.StateDirectory, files.Disks, files.Firmware);
        IsolatedDomain domain = IsolatedDomain.Make(copy.Domain, place.StateDirectory);
        string? agent = text is null ? GuestAgentChannel.SocketOf(place, domain.Domain) ?? throw BootErrors.SignMissing(backup.Vm, backup.Id) : null;
        await files.MakeAsync(place.RuntimeDirectory, cancellation);
        report.Verbose($"Starting the backup {backup.Id} of '{backup.Vm}' without a network, and waiting up to {timeout.TotalSeconds:0} s for {(agent is null ? $"'{text}' on its console" : "its guest's agent")}.");
        StartedMachine machine = await new MachineLauncher(place, domain.Domain).StartAsync(paused: false, check: null, cancellation);
        foreach (string warning in machine.Warnings)
            report.Verbose(warning);
        return await WaitAsync(backup, machine.Process, new ConsoleText(domain.Consoles, text), agent, timeout, cancellation);
    }

    private async Task<MomentException?> WaitAsync(
        BackupManifest backup, HostProcess machine, ConsoleText console, string? agent, TimeSpan timeout, CancellationToken cancellation)
    {
        for (long start = Stopwatch.GetTimestamp(); ;)
        {
            cancellation.ThrowIfCancellationRequested();
            bool alive = machine.IsAlive;
            bool said = console.Look();
            TimeSpan waited = Stopwatch.GetElapsedTime(start);
            if (said || agent is not null && alive && await AnswersAsync(backup.Vm, agent, cancellation))
            {
                report.Verbose($"The backup {backup.Id} of '{backup.Vm}' gave a sign of life after {waited.TotalSeconds:0.0} s.");
                return null;
            }

            if (!alive)
                return BootErrors.Failed(backup.Vm, backup.Id, $"its machine ended after {waited.TotalSeconds:0} s", console.Tail());
            if (waited > timeout)
                return BootErrors.Failed(backup.Vm, backup.Id, $"{(agent is null ? "the text was not on its console" : "its guest's agent did not answer")} within {timeout.TotalSeconds:0} s", console.Tail());
            report.Progress(new OperationProgress($"Starting the backup {backup.Id}", "waiting for a sign of life", (long)waited.TotalSeconds, Math.Max(1, (long)timeout.TotalSeconds)));
            await Task.Delay(LookPeriod, cancellation);
        }
    }

    private static async Task<bool> AnswersAsync(string vm, string path, CancellationToken cancellation)
    {
        try
        {
            // Connecting makes sure that an agent answers: it is asked for a number that only we know.
            await (await GuestAgent.ConnectAsync(vm, path, new GuestAgentOptions { AnswerTimeout = AnswerLimit }, cancellation)).DisposeAsync();
            return true;
        }
        catch (MomentException)
        {
            // Not yet: it is asked again until the time is up.
            return false;
        }
    }
}
