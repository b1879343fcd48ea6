using System.Runtime.InteropServices;
using MomentTools.Errors;
using MomentTools.Tour;

// The tour through the engine's public API alone. Tour.ps1 tells the same story through the cmdlets.
using var stop = new CancellationTokenSource();
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true; // The process ends when everything is cleaned up.
    stop.Cancel();
}

using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using PosixSignalRegistration hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);

try
{
    await using Stage stage = await Stage.BuildAsync(guest: args.Contains("--guest"), stop.Token);
    return await new Story(stage, stop.Token).TellAsync() ? 0 : 1;
}
catch (OperationCanceledException)
{
    Console.Error.WriteLine("Stopped; nothing is left behind.");
    return 130;
}
catch (MomentException failure)
{
    Console.Error.WriteLine($"{failure.ErrorId}: {failure.Message}");
    if (failure.Advice is not null)
        Console.Error.WriteLine(failure.Advice);
    return 1;
}
catch (InvalidOperationException broken)
{
    Console.Error.WriteLine(broken.Message);
    return 1;
}
