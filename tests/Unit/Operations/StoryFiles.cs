using System.Security.Cryptography;

namespace MomentTools.Tests.Operations;

/// <summary>The images in a machine's directory, by what is in them: those that nothing may write have to stay as they are.</summary>
internal sealed class StoryFiles(TestMachine machine)
{
    private static readonly string[] Images = [".qcow2", ".base"];

    private Dictionary<string, string> _hashes = new(StringComparer.Ordinal);

    /// <summary>What is there before an operation, but for what the machine writes to.</summary>
    public async Task RememberAsync()
    {
        string[] active = await ActiveAsync();
        _hashes = Present().Where(path => !active.Contains(path)).ToDictionary(path => path, Hash, StringComparer.Ordinal);
    }

    /// <summary>Holds what is there after an operation against it.</summary>
    /// <param name="mayMerge">Whether layers may go and be merged into others; what a story's disks stood on from the first may not even then.</param>
    public async Task CheckAsync(bool mayMerge)
    {
        string[] active = await ActiveAsync();
        foreach ((string path, string hash) in _hashes.Where(file => !active.Contains(file.Key) && (!mayMerge || file.Key.EndsWith(".base", StringComparison.Ordinal))))
        {
            Assert.True(File.Exists(path), $"{path} is gone");
            Assert.True(Hash(path) == hash, $"{path} was written, and nothing writes to it");
        }
    }

    public IEnumerable<string> Present() =>
        Directory.EnumerateFiles(machine.Scratch).Where(path => Images.Contains(Path.GetExtension(path)));

    private async Task<string[]> ActiveAsync() =>
        [.. (await machine.Engine.GetDomainAsync(TestMachine.Name, machine.Report, CancellationToken.None)).Disks.Select(disk => disk.Path!)];

    private static string Hash(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
