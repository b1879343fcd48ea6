using System.Security.Cryptography;
using System.Text;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Operations.Backups;
using MomentTools.Tests.Operations.Backups;
using MomentTools.Tests.Support;

namespace MomentTools.Fuzz.Targets;

/// <summary>
/// A repository from a stranger: manifests that stand on each other in any way, in circles too, one of them damaged, mostly with a checksum
/// that agrees; all of it is listed and drawn, and each chain is followed.
/// </summary>
internal sealed class ManifestTarget : IFuzzTarget
{
    private const int Backups = 4;

    private readonly ScratchDirectory _scratch = new();
    private readonly string _domain;
    private readonly byte[][] _real;

    public ManifestTarget()
    {
        _domain = Path.Combine(_scratch["repository"], "web1");
        for (int number = 0; number < Backups; number++)
            Directory.CreateDirectory(Path.Combine(_domain, SampleManifest.Id(number)));
        if (RealMachine.Tools.All(tool => FuzzTool.Has(tool)))
        {
            using var machine = new RealMachine();
            _real = [.. Directory.GetFiles(machine.Repository, BackupManifest.FileName, SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];
        }
        else
        {
            _real = [];
        }
    }

    public string Name => "manifest";

    public int Inputs => 400;

    public long MostBytes => 16 << 20;

    public FuzzInput Make(Random random)
    {
        byte[][] parts = new byte[Backups][];
        for (int number = 0; number < Backups; number++)
            parts[number] = BackupManifestFile.ToBytes(SampleManifest.Of(number, [.. Disks(number, random)]));
        int damaged = random.Next(Backups);
        byte[] sound = _real.Length > 0 && random.Next(4) == 0 ? _real[random.Next(_real.Length)] : parts[damaged];
        // Without damage it is the circles alone.
        if (random.Next(4) > 0)
        {
            string text = JsonDamage.Of(Encoding.UTF8.GetString(sound), random);
            parts[damaged] = random.Next(8) == 0 ? Encoding.UTF8.GetBytes(text) : Signed(text);
        }

        return new FuzzInput(parts);
    }

    public Task<bool> ReadAsync(FuzzInput input)
    {
        for (int number = 0; number < Backups; number++)
            File.WriteAllBytes(Path.Combine(_domain, SampleManifest.Id(number), BackupManifest.FileName), input.Parts[number]);
        var report = new FuzzReport();
        var listing = new BackupListing(_scratch["repository"], null, report);
        int count = listing.Backups(null).Count;
        FuzzFailure.When(listing.Tree(null).Count != count, "the tree has not all backups");
        _ = listing.Documents(null);
        FuzzFailure.When(count + report.Failures.Count != Backups, $"{count} backups and {report.Failures.Count} failures");
        IReadOnlyList<BackupManifest> manifests = BackupRepository.Open(_scratch["repository"], create: false).Backups(_domain, _ => { });
        MomentException? refusal = report.Failures.Count > 0 ? report.Failures[0] : null;
        foreach ((BackupManifest manifest, BackupManifestDisk disk) in manifests.SelectMany(manifest => manifest.Disks.Select(disk => (manifest, disk))))
        {
            string path = manifest.PathOf(disk);
            FuzzFailure.When(Path.GetDirectoryName(Path.GetFullPath(path)) != manifest.Directory, $"the disk's file is {path}");
            try
            {
                _ = BackupChain.Resolve(manifests, manifest, disk.Name);
            }
            catch (MomentException failure)
            {
                refusal ??= failure;
            }
        }

        _ = manifests.Select(manifest => BackupHead.Read(manifest.Directory)).ToList();
        return refusal is null ? Task.FromResult(true) : throw refusal;
    }

    public void Dispose() => _scratch.Dispose();

    /// <summary>A manifest with the checksum that agrees with it, where it has a place for one: that of the text with zeroes there.</summary>
    public static byte[] Signed(string text)
    {
        const string Property = "\"Checksum\":";
        int at = text.LastIndexOf(Property, StringComparison.Ordinal);
        int open = at < 0 ? -1 : text.IndexOf('"', at + Property.Length);
        if (open < 0 || open + 65 > text.Length)
            return Encoding.UTF8.GetBytes(text);
        string before = text[..(open + 1)], after = text[(open + 65)..];
        string checksum = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(before + new string('0', 64) + after)));
        return Encoding.UTF8.GetBytes(before + checksum + after);
    }

    private static IEnumerable<BackupManifestDisk> Disks(int number, Random random)
    {
        yield return SampleManifest.Disk("vda", number == 0 && random.Next(2) == 0 ? null : random.Next(Backups) is var parent && parent != number ? parent : null);
        if (random.Next(2) == 0)
            yield return SampleManifest.Disk("vdb", number == 0 ? null : number - 1);
    }
}
