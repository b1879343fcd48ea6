using System.Text.Json;

namespace MomentTools.Tour;

/// <summary>
/// Changes the disks of the running machine. Without a guest QEMU itself writes, through the very device that a guest
/// would use; with one the guest writes all the time, and we only wait.
/// </summary>
internal sealed class LiveDisks(Stage stage, CancellationToken cancellation)
{
    public async Task WriteAsync(string disk, byte pattern, long offset, long length)
    {
        if (stage.Guest)
            return;
        await QemuIoAsync(disk, $"write -P 0x{pattern:x2} {offset} {length}");
        Console.WriteLine($"   {disk}: {Talk.Size(length)} of 0x{pattern:x2} at {Talk.Size(offset)}");
    }

    /// <summary>Waits until the guest has written some more; nothing to wait for without a guest.</summary>
    public async Task LetGuestWriteAsync(int blocks = 15)
    {
        if (!stage.Guest)
            return;
        int before = Written();
        for (int tries = 0; Written() < before + blocks; tries++)
        {
            if (tries == 1200)
                throw new InvalidOperationException("The guest does not write: its serial port said\n" + Serial());
            await Task.Delay(100, cancellation);
        }

        Console.WriteLine($"   the guest has written {Written()} blocks to each disk");
    }

    /// <summary>Holds the machine still, with everything written down in the images.</summary>
    public async Task PauseAsync()
    {
        await stage.Engine.InvokeQmpAsync(Stage.Machine, "stop", null, cancellation);
        foreach (string disk in stage.Disks)
            await QemuIoAsync(disk, "flush");
    }

    public Task ContinueAsync() =>
        stage.Guest ? stage.Engine.InvokeQmpAsync(Stage.Machine, "cont", null, cancellation) : Task.CompletedTask;

    // The human monitor reports failure as text in an answer that claims success.
    private async Task QemuIoAsync(string disk, string command)
    {
        string line = $"qemu-io -d /machine/peripheral/mt-{disk}/virtio-backend \"{command}\"";
        string arguments = $$"""{"command-line":"{{JsonEncodedText.Encode(line)}}"}""";
        JsonElement answer = await stage.Engine.InvokeQmpAsync(Stage.Machine, "human-monitor-command", arguments, cancellation);
        if (answer.GetString() is { Length: > 0 } text)
            throw new InvalidOperationException($"'{command}' on {disk}: {text}");
    }

    private int Written() => Serial().Split("the guest wrote").Length - 1;

    private string Serial() => File.Exists(stage.SerialPath) ? File.ReadAllText(stage.SerialPath) : "";
}
