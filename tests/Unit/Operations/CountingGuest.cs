using System.Buffers.Binary;
using System.Globalization;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>
/// A real guest of a few bytes that counts, some 18 times a second: it reads the count from its first disk, and says so where that is not the
/// one in its memory; adds one; writes it back; and prints it on its serial port. So whatever it is taken back to, it has to go on with exactly
/// the next count, and its memory and its disk have to be of one instant.
/// </summary>
internal sealed class CountingGuest : IAsyncDisposable
{
    private const string Torn = "X";
    private const long CountOffset = 1 << 20;
    private const int Sector = 512;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    // A boot sector for SeaBIOS, 16-bit code loaded at 7c00:
    //   boot:  xor ax,ax; mov ds,ax; mov es,ax; mov ss,ax; mov sp,7c00; mov [7df0],dl; sti; call read; mov eax,[8200]; mov [8000],eax
    //   tick:  call read; mov eax,[8200]; cmp [8000],eax; je same; mov bl,'X'; call send
    //   same:  inc dword [8000]; mov si,write-packet; mov ax,4300; mov dl,[7df0]; int 13; print [8000] as 8 digits and a line feed; hlt; jmp tick
    //   read:  mov si,read-packet; mov ax,4200; mov dl,[7df0]; int 13; ret
    //   send:  wait until port 3fd has bit 5; out bl to port 3f8; ret
    //   packets: one sector at LBA 2048, from 8000 and to 8200
    private static readonly byte[] Code = Convert.FromHexString(
        "31C08ED88EC08ED0BC007C8816F07DFBE8540066A1008266A30080E8490066A1008266390600807405B358E8460066FF060080BE877CB800438A16F07DCD1366A10080"
        + "B9080066C1C00488C380E30F80C33080FB39760380C307E81700E2E7B30AE81000F4EBB4BE977CB800428A16F07DCD13C36650BAFD03ECA82074FBBAF80388D8EE6658C3"
        + "10000100008000000008000000000000" + "10000100008200000008000000000000");

    private CountingGuest(TestMachine machine) => Machine = machine;

    public TestMachine Machine { get; }

    private string SerialPath => Path.Combine(Machine.Scratch, "serial");

    /// <summary>A machine with this guest on vda, not started; more disks are empty.</summary>
    public static async Task<CountingGuest> CreateAsync(params string[] disks)
    {
        TestMachine machine = await TestMachine.CreateAsync(
            TestMachine.DiskSize, discard: false, probe: null, disks.Length == 0 ? ["vda"] : disks, "<serial type='file'><source path='{0}/serial'/><target port='0'/></serial>");
        await BootAsync(machine, Code);
        return new CountingGuest(machine);
    }

    /// <summary>Lets the machine's BIOS start a program of less than a sector from vda.</summary>
    public static async Task BootAsync(TestMachine machine, byte[] code)
    {
        byte[] boot = new byte[Sector];
        code.CopyTo(boot, 0);
        BinaryPrimitives.WriteUInt16BigEndian(boot.AsSpan(Sector - 2), 0x55AA);
        string raw = Path.Combine(machine.Scratch, "boot");
        await File.WriteAllBytesAsync(raw, boot);
        Tool.Run("qemu-io", "-f", "qcow2", "-c", $"write -s {raw} 0 {Sector}", machine.DiskPath("vda"));
        File.Delete(raw);
    }

    public async Task StartAsync()
    {
        File.Delete(SerialPath);
        await Machine.Engine.StartDomainAsync(TestMachine.Name, paused: false, Machine.Report, CancellationToken.None);
        await NextAsync();
    }

    /// <summary>What it printed so far since QEMU started.</summary>
    public string[] Lines()
    {
        using var file = new FileStream(SerialPath, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        string text = reader.ReadToEnd();
        return text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Waits until it has counted on, and gives the first counts that it printed after the lines given.</summary>
    /// <param name="after">How many lines are old; null for all that there are now.</param>
    public async Task<int[]> NextAsync(int? after = null, int count = 2)
    {
        int from = after ?? Lines().Length;
        for (DateTime until = DateTime.UtcNow + Patience; DateTime.UtcNow < until; await Task.Delay(20))
        {
            string[] lines = Lines();
            if (lines.Length >= from + count)
                return [.. lines.Skip(from).Take(count).Select(Count)];
        }

        throw new TimeoutException($"The guest does not count; it printed: {string.Join(' ', Lines().TakeLast(5))}");
    }

    /// <summary>Waits until it goes on from an earlier count, in the same QEMU or in a new one, and gives the first count that it printed then.</summary>
    /// <param name="before">What it had printed before it was taken back.</param>
    public async Task<int> ReturnAsync(string[] before)
    {
        for (DateTime until = DateTime.UtcNow + Patience; DateTime.UtcNow < until; await Task.Delay(20))
        {
            int[] counts = [.. Lines().Select(Count)];
            if (counts.Length == 0)
                continue;
            if (before.Length == 0 || counts.Length < before.Length || counts[0] != Count(before[0]))
                return counts[0];
            for (int at = before.Length; at < counts.Length; at++)
                if (counts[at] <= counts[at - 1])
                    return counts[at];
        }

        throw new TimeoutException($"The guest was not taken back; it printed: {string.Join(' ', Lines().TakeLast(5))}");
    }

    /// <summary>The count that an image, or an internal snapshot in it, holds.</summary>
    public int CountIn(string path, string? tag = null) =>
        (int)BinaryPrimitives.ReadUInt32LittleEndian(Machine.Content(path, tag).AsSpan((int)CountOffset));

    private static int Count(string line)
    {
        Assert.False(line.StartsWith(Torn, StringComparison.Ordinal), $"The guest's memory and its disk are not of one instant: {line}");
        return int.Parse(line, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    public ValueTask DisposeAsync() => Machine.DisposeAsync();
}
