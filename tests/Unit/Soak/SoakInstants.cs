using System.Globalization;
using MomentTools.Tests.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Soak;

/// <summary>
/// The oracle: what the disk holds at the instant of an operation. The guest is held meanwhile by the test itself, its disk is copied by
/// qemu-img, and it runs on as soon as the operation has its instant behind it; what is copied then is copied while it writes.
/// </summary>
internal sealed class SoakInstants
{
    private const int Sector = 512;
    private const int Chunk = 1 << 20;

    private static readonly string[] Taken = ["taken", "capture", "frozen"];

    private readonly Dictionary<string, string> _copies = new(StringComparer.Ordinal);
    private GuestMachine _machine = null!;
    private int _number;
    private bool _held;

    public void Attach(GuestMachine machine) => _machine = machine;

    /// <summary>The copy under a name, or null.</summary>
    public string? Of(string name) => _copies.GetValueOrDefault(name);

    /// <summary>Names that have a copy.</summary>
    public IReadOnlyCollection<string> Names => _copies.Keys;

    /// <summary>Does what has an instant, with the disk's content then as a raw file.</summary>
    public async Task<string> AtAsync(Func<Task> operation)
    {
        await _machine.Engine.InvokeQmpAsync(GuestMachine.Name, "stop", null, CancellationToken.None);
        _held = true;
        try
        {
            string copy = await CopyAsync();
            await operation();
            return copy;
        }
        finally
        {
            Release();
        }
    }

    /// <summary>A step of the operation: once the instant is behind it, the guest runs on.</summary>
    public void OnStep(string step)
    {
        if (_held && Taken.Contains(step[(step.IndexOf(':', StringComparison.Ordinal) + 1)..]))
            Release();
    }

    public void Keep(string name, string copy) => _copies[name] = copy;

    public void Rename(string name, string copy)
    {
        Forget(name);
        _copies[name] = copy;
    }

    public void Forget(string name)
    {
        if (_copies.Remove(name, out string? copy))
            File.Delete(copy);
    }

    /// <summary>The sectors in which two copies differ, as they follow each other.</summary>
    public static IEnumerable<long> Differences(string one, string other)
    {
        byte[] first = new byte[Chunk], second = new byte[Chunk];
        using FileStream left = File.OpenRead(one), right = File.OpenRead(other);
        Assert.Equal(left.Length, right.Length);
        for (long offset = 0; offset < left.Length; offset += Chunk)
        {
            int length = left.ReadAtLeast(first, Chunk, throwOnEndOfStream: false);
            right.ReadExactly(second, 0, length);
            if (first.AsSpan(0, length).SequenceEqual(second.AsSpan(0, length)))
                continue;
            for (int at = 0; at < length; at += Sector)
                if (!first.AsSpan(at, Sector).SequenceEqual(second.AsSpan(at, Sector)))
                    yield return offset + at;
        }
    }

    /// <summary>Asserts that an image holds what a copy does.</summary>
    public static void AssertSame(string image, string format, string copy, string what)
    {
        (int exit, string output, string error) = Tool.TryRun("qemu-img", "compare", "-U", "-f", format, "-F", "raw", image, copy);
        Assert.True(exit == 0, $"{what} is not what the disk held: {output}{error}");
    }

    private async Task<string> CopyAsync()
    {
        VMDomain domain = await _machine.Engine.GetDomainAsync(GuestMachine.Name, _machine.Report, CancellationToken.None);
        string copy = _machine[string.Create(CultureInfo.InvariantCulture, $"copy-{_number++}.raw")];
        // QEMU writes everything out when the guest is held.
        Tool.Run("qemu-img", "convert", "-U", "-f", "qcow2", "-O", "raw", domain.Disks[0].Path!, copy);
        return copy;
    }

    private void Release()
    {
        if (!_held)
            return;
        _held = false;
        _machine.Engine.InvokeQmpAsync(GuestMachine.Name, "cont", null, CancellationToken.None).GetAwaiter().GetResult();
    }
}
