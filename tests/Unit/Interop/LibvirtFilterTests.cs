using MomentTools.Moments;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Interop;

/// <summary>The filters of lists beside those of a real libvirt, in random combinations (row B4).</summary>
public sealed class LibvirtFilterTests
{
    private const int Moments = 40;
    private const int Combinations = 250;
    private static readonly (string Option, Func<MomentFilter, MomentFilter> With)[] ForBoth =
    [
        ("--roots", filter => filter with { Roots = true }),
        ("--leaves", filter => filter with { Leaves = true }),
        ("--no-leaves", filter => filter with { NoLeaves = true }),
        ("--topological", filter => filter with { Topological = true }),
    ];

    private static readonly (string Option, Func<MomentFilter, MomentFilter> With)[] ForSnapshots =
    [
        .. ForBoth,
        ("--metadata", filter => filter with { Metadata = true }),
        ("--no-metadata", filter => filter with { NoMetadata = true }),
        ("--inactive", filter => filter with { Offline = true }),
        ("--active", filter => filter with { Online = true }),
        ("--disk-only", filter => filter with { DiskOnly = true }),
        ("--internal", filter => filter with { Internal = true }),
        ("--external", filter => filter with { External = true }),
    ];

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task EveryCombinationGivesTheSameNames(int seed)
    {
        using var scratch = new ScratchDirectory();
        using LibvirtDaemon daemon = await LibvirtDaemon.StartAsync(scratch.Path);
        var random = new Random(seed);
        string store = scratch["store"];
        List<string> redefine = [];
        foreach (MomentKind kind in Enum.GetValues<MomentKind>())
        {
            // libvirt refuses the two kinds on one domain.
            string domain = Domain(kind, scratch), word = Word(kind);
            File.WriteAllText(scratch[word], domain);
            redefine.Add($"define {scratch[word]}");
            for (int number = 0; number < Moments; number++)
            {
                // Names in another order than the tree's, and the same for both kinds.
                string path = Path.Combine(store, MomentFile.PathOf(new MomentKey(kind, Name(number))));
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                File.WriteAllText(path, Document(random, kind, number, domain));
                redefine.Add($"{word}-create {word} {path} --redefine");
            }
        }

        daemon.VirshAll(redefine);
        MomentTree tree = new MomentStore(store).Load(failure => throw failure).Tree(out IReadOnlyList<MomentTreeFault> faults);
        Assert.Empty(faults);
        List<(string Command, MomentFilter Filter)> asked = [.. Enumerable.Range(0, Combinations).Select(_ => Combination(random))];
        IReadOnlyList<string> told = daemon.VirshAll([.. asked.Select(pair => pair.Command)]);
        List<string> wrong = [];
        foreach (((string command, MomentFilter filter), string output) in asked.Zip(told))
        {
            IEnumerable<string> theirs = output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            IReadOnlyList<Moment> ours = filter.Apply(tree);
            if (!theirs.Order(StringComparer.Ordinal).SequenceEqual(ours.Select(moment => moment.Name).Order(StringComparer.Ordinal)))
                wrong.Add($"{command}: libvirt says {string.Join(' ', theirs.Order(StringComparer.Ordinal))}; here {string.Join(' ', ours.Select(moment => moment.Name).Order(StringComparer.Ordinal))}");
            if (filter.Topological)
                AssertParentsFirst(ours);
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static string Word(MomentKind kind) => kind == MomentKind.Checkpoint ? "checkpoint" : "snapshot";

    private static string Domain(MomentKind kind, ScratchDirectory scratch) =>
        $"<domain type='qemu'><name>{Word(kind)}</name><uuid>6f3e7a4e-1c9d-4b7a-8a51-3d2f1c0b9a0{(int)kind}</uuid><memory unit='KiB'>65536</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><devices>"
        + string.Concat(((string[])["vda", "vdb"]).Select(disk => $"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{scratch[disk]}'/><target dev='{disk}' bus='virtio'/></disk>"))
        + "</devices></domain>";

    private static string Name(int number) => $"m{number * 7 % Moments:00}";

    private static string Document(Random random, MomentKind kind, int number, string domain)
    {
        string parent = number == 0 || random.Next(6) == 0 ? "" : $"<parent><name>{Name(random.Next(number))}</name></parent>";
        string head = $"<name>{Name(number)}</name>";
        string time = $"<creationTime>{1_700_000_000 + (random.Next(2) == 0 ? number : random.Next(Moments))}</creationTime>";
        if (kind == MomentKind.Checkpoint)
            return $"<domaincheckpoint>{head}{parent}{time}<disks><disk name='vda' checkpoint='bitmap' bitmap='{Name(number)}'/><disk name='vdb' checkpoint='no'/></disks>{domain}</domaincheckpoint>";
        string external = $"<disk name='vda' snapshot='external' type='file'><driver type='qcow2'/><source file='/images/{Name(number)}'/></disk><disk name='vdb' snapshot='no'/>";
        const string inside = "<disk name='vda' snapshot='internal'/><disk name='vdb' snapshot='internal'/>";
        (string state, string memory, string disks) = random.Next(7) switch
        {
            0 => ("disk-snapshot", "no", external),
            1 => ("shutoff", "no", inside),
            2 => ("shutoff", "no", external),
            3 => ("running", "internal", inside),
            4 => ("paused", "internal", inside),
            5 => ("running", "external", external),
            _ => ("paused", "external", external),
        };
        string saved = memory == "external" ? $"snapshot='external' file='/images/{Name(number)}.memory'" : $"snapshot='{memory}'";
        return $"<domainsnapshot>{head}<state>{state}</state>{parent}{time}<memory {saved}/><disks>{disks}</disks>{domain}</domainsnapshot>";
    }

    private static (string Command, MomentFilter Filter) Combination(Random random)
    {
        MomentKind kind = random.Next(3) == 0 ? MomentKind.Checkpoint : MomentKind.Snapshot;
        var filter = new MomentFilter { Kind = kind };
        List<string> words = [$"{Word(kind)}-list {Word(kind)} --name"];
        foreach ((string option, Func<MomentFilter, MomentFilter> with) in kind == MomentKind.Checkpoint ? ForBoth : ForSnapshots)
        {
            if (random.Next(4) != 0)
                continue;
            words.Add(option);
            filter = with(filter);
        }

        // All of a group means none of it: so libvirt's documentation (virDomainListAllSnapshots), and so it is with its other groups,
        // but its command with these two answers nothing.
        if (filter is { Leaves: true, NoLeaves: true })
            words.RemoveAll(word => word is "--leaves" or "--no-leaves");
        if (!filter.Roots && random.Next(3) == 0)
        {
            string from = Name(random.Next(Moments));
            bool all = random.Next(2) == 0;
            words.Add($"--from {from}{(all ? " --descendants" : "")}");
            filter = filter with { From = new MomentKey(kind, from), Descendants = all };
        }

        return (string.Join(' ', words), filter);
    }

    private static void AssertParentsFirst(IReadOnlyList<Moment> moments)
    {
        HashSet<MomentKey> later = [.. moments.Select(moment => moment.Key)];
        foreach (Moment moment in moments)
        {
            Assert.False(moment.Parent is { } parent && later.Contains(parent), $"{moment.Name} stands in front of its parent");
            later.Remove(moment.Key);
        }
    }
}
