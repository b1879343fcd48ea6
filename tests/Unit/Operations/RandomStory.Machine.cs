using System.Globalization;
using System.Text.Json;
using MomentTools.Errors;
using MomentTools.Qmp;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations;

/// <summary>What happens to the machine and its disks: the guest's writes, starts and deaths, copies that change places.</summary>
internal sealed partial class RandomStory
{
    private Task WriteAsync() => WriteAsync(Any(_disks));

    private async Task WriteAsync(StoryDisk disk)
    {
        (long offset, long length) = AnyRange(disk);
        byte pattern = (byte)_random.Next(1, 256);
        Tell($"write {disk.Name} {offset}+{length} = {pattern}");
        await _machine.WriteAsync(disk.Name, pattern, offset, length);
        disk.Write(offset, length, pattern);
    }

    private async Task ZeroAsync()
    {
        StoryDisk disk = Any(_disks);
        (long offset, long length) = AnyRange(disk);
        string command = $"write -z {(Chance(2) ? "-u " : "")}{offset} {length}";
        Tell($"{disk.Name}: {command}");
        await _machine.IoAsync(disk.Name, command);
        disk.Write(offset, length, 0);
    }

    private async Task DiscardAsync()
    {
        StoryDisk disk = Any(_disks);
        (long offset, long length) = AnyRange(disk);
        Tell($"discard {disk.Name} {offset}+{length}");
        await _machine.IoAsync(disk.Name, $"discard {offset} {length}");
        disk.Touch(offset, length);
        // What a discard leaves behind is the image's affair; outside of its range it may touch nothing.
        byte[] content = await _judge.ReadAsync(disk);
        Assert.True(content.AsSpan(0, (int)offset).SequenceEqual(disk.Content.AsSpan(0, (int)offset)));
        Assert.True(content.AsSpan((int)(offset + length)).SequenceEqual(disk.Content.AsSpan((int)(offset + length))));
        disk.Refresh(content);
    }

    private async Task ToggleAsync()
    {
        Tell(_running ? "stop" : "start");
        if (_running)
            LoseServed();
        _ = _running ? await _machine.StopAsync() : await _machine.StartAsync();
        _running = !_running;
        _starts += _running ? 1 : 0;
    }

    private async Task KillAsync()
    {
        if (!_running)
            return;
        Tell("kill");
        await LoseMachineAsync();
    }

    private async Task LoseMachineAsync()
    {
        await _machine.KillMachineAsync();
        (_running, _killed) = (false, true);
        LoseServed();
        bool lossy = false;
        foreach (StoryDisk disk in _disks)
        {
            byte[] left = _machine.Content(await _machine.ActivePathAsync(disk.Name));
            lossy |= !left.AsSpan().SequenceEqual(disk.Content);
            disk.Replace(left);
        }

        _counts.Kills++;
        _counts.LossyKills += lossy ? 1 : 0;
    }

    // Some stand on other images, of which QEMU reads a raw one as it is, and a qcow2 one as it was when it was opened.
    private StoryDisk MakeDisk(string name, long size)
    {
        if (!_layered)
            return new StoryDisk(name, size);
        List<StoryBase> bases = [];
        for (int count = _random.Next(3); bases.Count < count;)
        {
            var one = new StoryBase(Path.Combine(_machine.Scratch, $"{name}-{bases.Count}.base"), bases.Count == 0 && Chance(2) ? "raw" : "qcow2", size);
            Create(one.Path, one.Format, bases, size);
            Tool.Run("qemu-io", "-f", one.Format, "-c", $"write -P {200 + bases.Count} {bases.Count * Least / 4} {Least / 4}", one.Path);
            bases.Add(one);
        }

        File.Delete(_machine.DiskPath(name));
        Create(_machine.DiskPath(name), "qcow2", bases, size);
        Tell($"{name} stands on {string.Join(", ", bases.Select(one => one.Format))}");
        var disk = new StoryDisk(name, size) { Bases = bases };
        disk.Refresh(_machine.Content(_machine.DiskPath(name)));
        return disk;
    }

    private static void Create(string path, string format, List<StoryBase> bases, long size) => Tool.Run(
        "qemu-img", ["create", "-q", "-f", format, .. bases.Count > 0 ? ["-b", bases[^1].Path, "-F", bases[^1].Format] : (string[])[], path, size.ToString(CultureInfo.InvariantCulture)]);

    private async Task WriteBeneathAsync()
    {
        (StoryDisk Disk, StoryBase Base)[] places = [.. _disks.SelectMany(disk => disk.Bases.Select(one => (disk, one))).Where(place => !_running || place.one.Format == "raw")];
        if (places.Length == 0)
            return;
        (StoryDisk disk, StoryBase beneath) = Any(places);
        long length = _random.Next(1, 257) * (long)Sector, offset = _random.NextInt64((beneath.Size - length) / Sector) * Sector;
        byte pattern = (byte)_random.Next(1, 256);
        Tell($"write beneath {disk.Name} into {Path.GetFileName(beneath.Path)} {offset}+{length} = {pattern}");
        Tool.Run("qemu-io", "--image-opts", "-c", $"write -P {pattern} {offset} {length}", $"driver={beneath.Format},file.driver=file,file.locking=off,file.filename={beneath.Path}");
        // Which of two things was first can be told where they are some ticks apart.
        await Task.Delay(50);
        disk.Replace(await _judge.ReadAsync(disk));
        disk.WrittenBeneathIn = _running ? _starts : 0;
        _copies.Remove(disk.Name);
        _writtenBeneath = true;
        _counts.WritesBeneath++;
    }

    private Task CopyAsync()
    {
        if (_running)
            return Task.CompletedTask;
        StoryDisk disk = Any(_disks);
        Tell($"keep a copy of {disk.Name}");
        string path = Path.Combine(_machine.Scratch, disk.Name + ".copy");
        File.Copy(_machine.DiskPath(disk.Name), path, overwrite: true);
        _copies[disk.Name] = (path, (byte[])disk.Content.Clone());
        return Task.CompletedTask;
    }

    private Task CopyBackAsync()
    {
        if (_running || _copies.Count == 0)
            return Task.CompletedTask;
        StoryDisk disk = Any([.. _disks.Where(disk => _copies.ContainsKey(disk.Name))]);
        Tell($"put the copy of {disk.Name} in its place");
        File.Copy(_copies[disk.Name].Path, _machine.DiskPath(disk.Name), overwrite: true);
        disk.Replace((byte[])_copies[disk.Name].Content.Clone());
        _copiedBack = true;
        return Task.CompletedTask;
    }

    // There and back: all that is known of the machine must go along twice.
    private async Task RenameAsync()
    {
        Tell("rename, and rename back");
        IReadOnlyList<VMMoment> before = await _machine.MomentsAsync();
        await _machine.Engine.RenameDomainAsync(TestMachine.Name, "web2", _machine.Report, CancellationToken.None);
        IReadOnlyList<VMMoment> renamed = await _machine.Engine.GetMomentsAsync("web2", new MomentQuery(), _machine.Report, CancellationToken.None);
        Assert.Equal(before.Select(moment => (moment.Name, moment.Parent, moment.Health)), renamed.Select(moment => (moment.Name, moment.Parent, moment.Health)));
        await _machine.Engine.RenameDomainAsync("web2", TestMachine.Name, _machine.Report, CancellationToken.None);
    }

    // Larger, smaller, or smaller for a while only.
    private async Task ResizeAsync()
    {
        StoryDisk disk = Any(_disks);
        long now = disk.Content.Length, size = _random.Next(LeastSectors, MostSectors) * (long)Sector;
        if (Chance(2))
            size &= -StoryDisk.Grain;
        if (await ResizeAsync(disk, size) && size < now && Chance(2))
            await ResizeAsync(disk, now);
    }

    private async Task<bool> ResizeAsync(StoryDisk disk, long size)
    {
        Tell($"resize {disk.Name} to {size}");
        string number = size.ToString(CultureInfo.InvariantCulture);
        if (_running)
        {
            try
            {
                await _machine.Engine.InvokeQmpAsync(TestMachine.Name, "block_resize", $$"""{"node-name":"{{await NodeAsync(disk)}}","size":{{number}}}""", CancellationToken.None);
            }
            catch (MomentException refused) when (_killed && refused.ErrorId == QmpErrors.QmpCommandFailed)
            {
                Tell("  refused: " + refused.Message);
                return false;
            }
        }
        else
        {
            (int exit, string output, string error) = Tool.TryRun("qemu-img", "resize", "-q", "-f", "qcow2", "--shrink", await _machine.ActivePathAsync(disk.Name), number);
            Assert.True(exit == 0 || _killed, $"qemu-img resize: {output}{error}");
            if (exit != 0)
            {
                Tell("  refused: " + error);
                return false;
            }
        }

        byte[] content = await _judge.ReadAsync(disk);
        int same = Math.Min(content.Length, disk.Content.Length);
        Assert.Equal(size, content.Length);
        Assert.True(content.AsSpan(0, same).SequenceEqual(disk.Content.AsSpan(0, same)), "a resize changed what it kept");
        disk.Resize(content);
        _counts.Resizes++;
        return true;
    }

    private async Task<string> NodeAsync(StoryDisk disk)
    {
        JsonElement devices = await _machine.Engine.InvokeQmpAsync(TestMachine.Name, "query-block", null, CancellationToken.None);
        return devices.EnumerateArray().First(device => device.GetProperty("qdev").GetString()!.Contains("mt-" + disk.Name + "/", StringComparison.Ordinal))
            .GetProperty("inserted").GetProperty("node-name").GetString()!;
    }

    private (long Offset, long Length) AnyRange(StoryDisk disk)
    {
        int sectors = disk.Content.Length / Sector;
        // Small writes are as likely as large ones, and some places are met again and again.
        int length = _random.Next(1, (1 << _random.Next(0, LargestPower + 1)) + 1);
        int offset = _random.Next(0, (Chance(4) ? Math.Min(sectors, 4096) : sectors) - length + 1);
        return ((long)offset * Sector, (long)length * Sector);
    }
}
