using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using MomentTools.Tests.House;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups;

/// <summary>
/// A Linux guest with an ext4 file system. Whenever it starts it checks the file system and every file against its hash, says so on its
/// console, starts QEMU's guest agent, and then writes files with hashes for as long as it runs, and reads older ones back from the disk. A
/// hash is only there once its file is on the disk: so at every instant each file that has one must be whole.
/// </summary>
public sealed partial class FileGuest : IDisposable
{
    /// <summary>How the line begins that says that all is well.</summary>
    public const string Whole = "all files are whole: ";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly ScratchDirectory _scratch = new();

    public FileGuest()
    {
        (int exit, string said, string trouble) = Tool.Find("busybox") is null || Tool.Find("cpio") is null || Tool.Find("mke2fs") is null || Tool.Find("e2fsck") is null || Tool.Find("apt-get") is null
            ? (1, "busybox, cpio, mke2fs, e2fsck or apt-get is missing", "")
            : Tool.TryRun("bash", Path.Combine(SourceTree.Root, "samples", "guest", "make.sh"), _scratch["guest"], "agent");
        Missing = exit == 0 ? null : said + trouble;
        if (Missing is null)
            AddInit();
    }

    /// <summary>Why there is no guest on this host, or null.</summary>
    public string? Missing { get; }

    /// <summary>Makes an image with an empty file system in it.</summary>
    public static async Task MakeDiskAsync(string path, long size)
    {
        string raw = path + ".raw";
        await using (FileStream file = File.Create(raw))
            file.SetLength(size);
        Tool.Run("mke2fs", "-q", "-t", "ext4", raw);
        Tool.Run("qemu-img", "convert", "-O", "qcow2", raw, path);
        File.Delete(raw);
    }

    /// <summary>The definition of a machine with this guest.</summary>
    public string Xml(string name, string disk, string serial) => $"""
        <domain type='qemu'>
          <name>{name}</name>
          <memory unit='MiB'>192</memory>
          <vcpu>1</vcpu>
          <os>
            <type arch='x86_64' machine='q35'>hvm</type>
            <kernel>{_scratch["guest/vmlinuz"]}</kernel><initrd>{_scratch["guest/files.gz"]}</initrd><cmdline>console=ttyS0 quiet panic=-1</cmdline>
          </os>
          <devices>
            <disk type='file' device='disk'><driver name='qemu' type='qcow2' discard='unmap'/><source file='{disk}'/><target dev='vda' bus='virtio'/></disk>
            <interface type='user'><mac address='52:54:00:12:34:56'/><model type='virtio'/></interface>
            <serial type='file'><source path='{serial}'/></serial>
            <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
          </devices>
        </domain>
        """;

    /// <summary>Waits for the guest's own judgement of its files.</summary>
    /// <returns>How many files it checked, and the number of the newest.</returns>
    public static async Task<(int Files, int Newest)> CheckedAsync(string serial)
    {
        Match said = await WaitForAsync(serial, CheckedLine());
        return (int.Parse(said.Groups[1].Value, CultureInfo.InvariantCulture), int.Parse(said.Groups[2].Value, CultureInfo.InvariantCulture));
    }

    /// <summary>How often the guest has started and found all well, since its machine did.</summary>
    public static int Starts(string serial) => CheckedLine().Count(Read(serial));

    /// <summary>Waits for its judgement at a further start.</summary>
    /// <returns>How many files it checked, and the number of the newest.</returns>
    public static async Task<(int Files, int Newest)> StartedAsync(string serial, int before)
    {
        for (long start = Stopwatch.GetTimestamp(); Starts(serial) <= before;)
            await LookAgainAsync(serial, start, $"{Whole} for the {before + 1}. time");
        Match said = CheckedLine().Matches(Read(serial))[^1];
        return (int.Parse(said.Groups[1].Value, CultureInfo.InvariantCulture), int.Parse(said.Groups[2].Value, CultureInfo.InvariantCulture));
    }

    /// <summary>Waits until the guest has written some more files; one that was taken back to an earlier memory counts from there.</summary>
    /// <returns>The number of the newest.</returns>
    public static async Task<int> WroteAsync(string serial, int more)
    {
        // By lines, not by numbers: one that was set back begins with smaller ones.
        int before = WroteLine().Count(Read(serial));
        for (long start = Stopwatch.GetTimestamp(); WroteLine().Count(Read(serial)) < before + more;)
            await LookAgainAsync(serial, start, $"wrote file for {more} more times");
        return Newest(serial);
    }

    /// <summary>The number of the newest file that it says it wrote.</summary>
    public static int Newest(string serial) =>
        WroteLine().Matches(Read(serial)) is { Count: > 0 } all ? int.Parse(all[^1].Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    public void Dispose() => _scratch.Dispose();

    private static async Task<Match> WaitForAsync(string serial, Regex wanted)
    {
        for (long start = Stopwatch.GetTimestamp(); ;)
        {
            if (wanted.Match(Read(serial)) is { Success: true } found)
                return found;
            await LookAgainAsync(serial, start, wanted.ToString());
        }
    }

    private static async Task LookAgainAsync(string serial, long start, string wanted)
    {
        string said = Read(serial);
        Assert.False(said.Contains("NOT WHOLE", StringComparison.Ordinal), said);
        Assert.True(Stopwatch.GetElapsedTime(start) < Patience, $"the guest did not say '{wanted}', but: {said}");
        await Task.Delay(100);
    }

    private static string Read(string serial) => File.Exists(serial) ? File.ReadAllText(serial).Replace("\r", "", StringComparison.Ordinal) : "";

    // A second archive behind the first one: the kernel unpacks both, and the later file counts.
    private void AddInit()
    {
        string root = _scratch["root"];
        Directory.CreateDirectory(Path.Combine(root, "bin"));
        File.WriteAllText(Path.Combine(root, "init"), Init);
        Tool.Run("bash", "-c", """
            set -euo pipefail
            cd "$1"; chmod +x init; cp "$(command -v e2fsck)" bin/e2fsck
            for library in $(ldd bin/e2fsck | grep -o '/lib[^ ]*'); do mkdir -p ".$(dirname "$library")"; cp "$library" ".$library"; done
            find . | cpio --quiet -o -H newc | gzip >../more.gz
            cat ../guest/initrd.gz ../more.gz >../guest/files.gz
            """, "make", root);
    }

    [GeneratedRegex(@"all files are whole: (?<count>\d+), the newest is (?<newest>\d+)\n", RegexOptions.None, 60_000)]
    private static partial Regex CheckedLine();

    [GeneratedRegex(@"the guest wrote file (?<number>\d+)\n", RegexOptions.None, 60_000)]
    private static partial Regex WroteLine();

    private const string Init = """
        #!/bin/busybox sh
        /bin/busybox --install -s /bin
        export PATH=/bin
        mount -t devtmpfs none /dev; mount -t proc none /proc; mount -t sysfs none /sys
        for module in /modules/*.ko; do insmod "$module"; done
        while [ ! -e /dev/vda ] || ! ls /dev/vport* >/dev/null 2>&1; do sleep 0.1; done
        # The journal first, as after a loss of power; then nothing may be left to be repaired.
        mount -t ext4 /dev/vda /mnt && umount /mnt
        if ! e2fsck -fn /dev/vda >/tmp-fsck 2>&1; then cat /tmp-fsck; echo "the file system is NOT WHOLE"; exec sleep 1000; fi
        mount -t ext4 -o discard /dev/vda /mnt
        mkdir -p /mnt/files /mnt/sums
        count=0; newest=0
        for sum in $(ls /mnt/sums | grep -v new); do
            if ! (cd /mnt/files && sha256sum -c -s /mnt/sums/$sum); then echo "file $sum is NOT WHOLE"; exec sleep 1000; fi
            count=$((count + 1))
            [ "$sum" -gt "$newest" ] && newest=$sum
        done
        echo "all files are whole: $count, the newest is $newest"
        qemu-ga -m virtio-serial -p "$(ls /dev/vport* | head -n 1)" -t /run -l /run/log &
        while :; do
            newest=$((newest + 1))
            dd if=/dev/urandom of=/mnt/files/$newest bs=16k count=$((newest % 7 + 1)) 2>/dev/null
            sync
            (cd /mnt/files && sha256sum $newest) >/mnt/sums/$newest.new
            sync
            mv /mnt/sums/$newest.new /mnt/sums/$newest
            # Old ones go, so that blocks are freed and used again.
            old=$((newest - 40))
            if [ -e /mnt/sums/$old ]; then rm /mnt/sums/$old; sync; rm /mnt/files/$old; fi
            sync
            echo "the guest wrote file $newest"
            back=$((newest - newest % 37))
            if [ -e /mnt/sums/$back ]; then
                echo 1 >/proc/sys/vm/drop_caches
                if ! (cd /mnt/files && sha256sum -c -s /mnt/sums/$back); then echo "file $back is NOT WHOLE"; exec sleep 1000; fi
            fi
        done
        """;
}
