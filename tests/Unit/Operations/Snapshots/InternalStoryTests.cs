using System.Globalization;
using MomentTools.Errors;
using MomentTools.Operations;
using MomentTools.Operations.Snapshots;
using Xunit.Abstractions;

namespace MomentTools.Tests.Operations.Snapshots;

/// <summary>
/// Random sequences of writes, checkpoints, snapshots inside the images, ways back to them and to what was left, and removals, held after each
/// step against a record of every byte and every write: contents are equal, and what is told to have changed is what was written on the way.
/// </summary>
public sealed class InternalStoryTests(ITestOutputHelper output)
{
    private const int Sequences = 3, Steps = 24;

    [SkippableFact]
    public async Task EveryAnswerIsExactAndEveryStateKeepsItsContent()
    {
        int first = int.Parse(Environment.GetEnvironmentVariable("MOMENTTOOLS_STORY_SEED") ?? "1", CultureInfo.InvariantCulture);
        int sequences = int.Parse(Environment.GetEnvironmentVariable("MOMENTTOOLS_STORY_SEQUENCES") ?? Sequences.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        int pairs = 0;
        for (int seed = first; seed < first + sequences; seed++)
        {
            await using InternalStory story = await InternalStory.BeginAsync(seed);
            try
            {
                for (int step = 0; step < Steps; step++)
                    await story.StepAsync();
                pairs += story.Pairs;
            }
            catch (Exception failure) when (failure is not SkipException)
            {
                throw new InvalidOperationException($"seed {seed}:\n  {story.Told}", failure);
            }
        }

        output.WriteLine($"{pairs} pairs of states");
    }

    private sealed class InternalStory : IAsyncDisposable
    {
        private const long Grain = 65536, Size = 16 << 20;
        private static readonly string[] Disks = ["vda", "vdb"];

        private readonly Random _random;
        private readonly List<string> _told = [];
        private readonly Dictionary<string, Dictionary<string, Node>> _moments = new(StringComparer.Ordinal);
        private readonly Dictionary<string, Dictionary<string, Node>> _branches = new(StringComparer.Ordinal);
        private readonly HashSet<string> _snapshots = new(StringComparer.Ordinal);
        private TestMachine _machine = null!;
        private InternalHand _hand = null!;
        private string _active = "main";
        private bool _running;
        private int _names;

        private InternalStory(int seed) => _random = new Random(seed);

        public string Told => string.Join("\n  ", _told);

        public int Pairs { get; private set; }

        private Dictionary<string, Node> Tips => _branches[_active];

        public static async Task<InternalStory> BeginAsync(int seed)
        {
            var story = new InternalStory(seed) { _machine = await TestMachine.CreateAsync(Size, discard: true, null, Disks) };
            story._hand = new InternalHand(story._machine);
            story._branches["main"] = Disks.ToDictionary(disk => disk, _ => new Node(null, new byte[Size]), StringComparer.Ordinal);
            return story;
        }

        public async Task StepAsync()
        {
            (int Weight, Func<Task> Run)[] operations = [(8, WriteAsync), (4, CheckpointAsync), (4, SnapshotAsync), (5, RestoreAsync), (4, SwitchAsync), (2, RemoveCheckpointAsync), (1, RemoveSnapshotAsync), (2, ToggleAsync)];
            int at = _random.Next(operations.Sum(operation => operation.Weight));
            await operations.First(operation => (at -= operation.Weight) < 0).Run();
            MomentTools.Moments.DomainMoments state = _hand.State;
            // What is no longer kept goes with the next change.
            HashSet<string> over = [.. state.Kept.Where(kept => kept.Until <= DateTimeOffset.UtcNow).Select(kept => kept.Branch).OfType<string>()];
            foreach (string gone in _branches.Keys.Where(name => name != _active && (!state.Branches.ContainsKey(name) || over.Contains(name))).ToArray())
                _branches.Remove(gone);
            foreach (string disk in Disks)
                await CheckAsync(disk);
        }

        public ValueTask DisposeAsync() => _machine.DisposeAsync();

        private async Task WriteAsync()
        {
            string disk = Any(Disks);
            long length = _random.Next(1, 400) * 512L, offset = _random.Next(0, (int)((Size - length) / 512)) * 512L;
            byte pattern = (byte)_random.Next(1, 256);
            _told.Add($"write {disk} {offset}+{length} = {pattern}");
            await _machine.WriteAsync(disk, pattern, offset, length);
            Tips[disk].Write(offset, length, pattern);
        }

        private async Task CheckpointAsync()
        {
            string name = $"cp{++_names}";
            _told.Add($"checkpoint {name}");
            await _machine.CheckpointAsync(name);
            Take(name);
        }

        private async Task SnapshotAsync()
        {
            string name = $"s{++_names}";
            bool memory = _running && _random.Next(2) == 0;
            _told.Add($"snapshot {name}{(memory ? " with memory" : "")}");
            await _hand.TakeAsync(name, memory);
            Take(name);
            _snapshots.Add(name);
        }

        private async Task RestoreAsync()
        {
            if (_snapshots.Count == 0)
                return;
            string name = Any([.. _snapshots.Order(StringComparer.Ordinal)]);
            int kind = _random.Next(3);
            string? branch = kind == 0 ? $"b{++_names}" : null;
            _told.Add($"restore {name} {(kind == 0 ? $"as {branch}" : kind == 1 ? "and keep" : "and give up")}");
            HashSet<string> before = [.. _hand.State.Branches.Keys];
            TurnOutcome outcome = await _hand.RestoreAsync(name, new InternalRestoreOptions { Branch = branch, UndoFor = kind == 1 ? TimeSpan.FromHours(1) : TimeSpan.Zero, Goal = _running ? VMState.Paused : VMState.Stopped });
            Assert.Equal(_running, outcome.State != VMState.Stopped);
            string[] hidden = [.. _hand.State.Branches.Keys.Where(other => !before.Contains(other) && other != branch)];
            Assert.Equal(kind == 1 ? 1 : 0, hidden.Length);
            if (kind == 1)
                _branches[hidden[0]] = Tips;
            _active = branch ?? _active;
            _branches[_active] = Disks.ToDictionary(disk => disk, disk => new Node(_moments[name][disk], (byte[])_moments[name][disk].Content.Clone()), StringComparer.Ordinal);
        }

        private async Task SwitchAsync()
        {
            string[] others = [.. _branches.Keys.Where(name => name != _active).Order(StringComparer.Ordinal)];
            if (others.Length == 0)
                return;
            string name = Any(others);
            _told.Add($"switch to {name}");
            await _hand.SwitchAsync(name, new InternalRestoreOptions { Goal = _running ? VMState.Paused : VMState.Stopped });
            _active = name;
        }

        private async Task RemoveCheckpointAsync()
        {
            string[] names = [.. _moments.Keys.Where(name => !_snapshots.Contains(name)).Order(StringComparer.Ordinal)];
            if (names.Length == 0)
                return;
            string name = Any(names);
            _told.Add($"remove {name}");
            await _machine.RemoveAsync(name);
            _moments.Remove(name);
        }

        private async Task RemoveSnapshotAsync()
        {
            if (_snapshots.Count == 0)
                return;
            string name = Any([.. _snapshots.Order(StringComparer.Ordinal)]);
            _told.Add($"remove snapshot {name}");
            await _machine.Engine.RemoveSnapshotsAsync(TestMachine.Name, new RemoveSnapshotRequest { Name = name, UndoFor = TimeSpan.Zero }, _machine.Report, CancellationToken.None);
            _moments.Remove(name);
            _snapshots.Remove(name);
            foreach (string disk in Disks)
                Assert.DoesNotContain(name, await _hand.TagsAsync(disk));
        }

        private async Task ToggleAsync()
        {
            _told.Add(_running ? "stop" : "start");
            _ = _running ? await _machine.StopAsync() : await _machine.StartAsync();
            _running = !_running;
        }

        private void Take(string name)
        {
            _moments[name] = new Dictionary<string, Node>(Tips, StringComparer.Ordinal);
            foreach (string disk in Disks)
                Tips[disk] = new Node(Tips[disk], (byte[])Tips[disk].Content.Clone());
        }

        private async Task CheckAsync(string disk)
        {
            await _machine.IoAsync(disk, "flush");
            Assert.True(Tips[disk].Content.AsSpan().SequenceEqual(_machine.Content(_machine.DiskPath(disk))), $"'{disk}' does not hold what it should");
            string[] names = [.. _moments.Keys];
            if (names.Length == 0)
                return;
            string from = Any(names);
            await CheckAsync(disk, from, null);
            await CheckAsync(disk, Any(names), null);
            if (names.Length > 1)
                await CheckAsync(disk, from, Any([.. names.Where(name => name != from)]));
        }

        private async Task CheckAsync(string disk, string from, string? to)
        {
            Node then = _moments[from][disk], until = to is null ? Tips[disk] : _moments[to][disk];
            HashSet<long> told;
            try
            {
                told = [.. await _hand.BetweenAsync(from, to, disk)];
            }
            catch (MomentException unknown) when (unknown.ErrorId == OperationErrors.ChangesUnknown && Node.Written(then, until) is null)
            {
                return;
            }

            Pairs++;
            for (long block = 0; block < Size / Grain; block++)
                Assert.True(
                    told.Contains(block) || then.Content.AsSpan((int)(block * Grain), (int)Grain).SequenceEqual(until.Content.AsSpan((int)(block * Grain), (int)Grain)),
                    $"TOO SMALL from {from} to {to ?? "now"} on {disk}: block {block}");
            HashSet<long> written = Node.Written(then, until)!;
            Assert.True(told.SetEquals(written), $"from {from} to {to ?? "now"} on {disk}: told {string.Join(' ', told.Order())}, written {string.Join(' ', written.Order())}");
        }

        private T Any<T>(T[] all) => all[_random.Next(all.Length)];

        /// <summary>A state of a disk, and the blocks written on the way to it from the one before.</summary>
        private sealed class Node(Node? parent, byte[] content)
        {
            private readonly HashSet<long> _writes = [];

            public byte[] Content => content;

            public void Write(long offset, long length, byte pattern)
            {
                content.AsSpan((int)offset, (int)length).Fill(pattern);
                for (long block = offset / Grain; block * Grain < offset + length; block++)
                    _writes.Add(block);
            }

            /// <summary>What was written on the way between two states; null where no way leads from the one to the other.</summary>
            public static HashSet<long>? Written(Node one, Node other)
            {
                List<Node> up = [.. one.Line()], down = [.. other.Line()];
                Node? meeting = up.FirstOrDefault(down.Contains);
                return meeting is null ? null : [.. up.TakeWhile(node => node != meeting).Concat(down.TakeWhile(node => node != meeting)).SelectMany(node => node._writes)];
            }

            private IEnumerable<Node> Line()
            {
                for (Node? node = this; node is not null; node = node.Parent)
                    yield return node;
            }

            private Node? Parent => parent;
        }
    }
}
