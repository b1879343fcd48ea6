using System.Text;
using MomentTools.Errors;
using MomentTools.Moments;

namespace MomentTools.Fuzz.Targets;

/// <summary>A domain's state directory with one damaged file: <c>disks.xml</c>, a branch, a moment, what is kept for Undo, a sidecar, the definition. A broken moment costs itself only.</summary>
internal sealed class StateTarget : IFuzzTarget
{
    private readonly RealMachine _machine = new();
    private readonly (string Path, byte[] Sound)[] _files;
    private readonly HashSet<string> _moments;

    public StateTarget()
    {
        _files = [.. _machine.StateFiles().Select(path => (path, File.ReadAllBytes(Path.Combine(_machine.StateDirectory, path))))];
        _moments = [.. new MomentStore(_machine.StateDirectory).Load(failure => throw failure).Moments.Keys.Select(MomentFile.PathOf)];
    }

    public string Name => "state";

    public int Inputs => 80;

    public long MostBytes => 16 << 20;

    public FuzzInput Make(Random random)
    {
        int number = random.Next(_files.Length);
        byte[] sound = _files[number].Sound;
        byte[] damaged = _files[number].Path.EndsWith(".xml", StringComparison.Ordinal)
            ? Encoding.UTF8.GetBytes(XmlDamage.Of(Encoding.UTF8.GetString(sound), random))
            : ByteDamage.Of(sound, random, [(0, sound.Length)]);
        return new FuzzInput([[(byte)number], damaged]);
    }

    public async Task<bool> ReadAsync(FuzzInput input)
    {
        (string relative, byte[] sound) = _files[input.Whole[0]];
        string path = Path.Combine(_machine.StateDirectory, relative);
        await File.WriteAllBytesAsync(path, input.Parts[1]);
        try
        {
            return await LookAsync(relative);
        }
        finally
        {
            await File.WriteAllBytesAsync(path, sound);
        }
    }

    public void Dispose() => _machine.Dispose();

    private async Task<bool> LookAsync(string damaged)
    {
        var report = new FuzzReport();
        if (_moments.Contains(damaged))
        {
            IEnumerable<string> read = new MomentStore(_machine.StateDirectory).Load(report.Failure, whole: true).Moments.Keys.Select(MomentFile.PathOf);
            string[] lost = [.. _moments.Except(read).Where(path => path != damaged)];
            FuzzFailure.When(lost.Length > 0, $"{damaged} is broken and cost {string.Join(", ", lost)} too");
        }

        // Whatever fails, the others are asked as well.
        MomentException? refusal = null;
        MomentEngine engine = _machine.Engine;
        foreach (Func<Task> look in (Func<Task>[])
        [
            () => engine.GetMomentsAsync(RealMachine.Name, new MomentQuery(), report, CancellationToken.None),
            () => engine.GetBranchesAsync(RealMachine.Name, [], report, CancellationToken.None),
            () => engine.GetKeptStatesAsync(RealMachine.Name, report, CancellationToken.None),
            () => engine.GetChangedBlocksAsync(RealMachine.Name, "monday", [], report, CancellationToken.None),
            () => engine.CompareMomentsAsync(RealMachine.Name, "monday", "thursday", [], report, CancellationToken.None),
            () => engine.TestMomentsAsync(RealMachine.Name, [], report, CancellationToken.None),
            () => Task.FromResult(engine.CompleteMoments(new CompletionQuery { VM = [RealMachine.Name] })),
        ])
        {
            try
            {
                await look();
            }
            catch (MomentException failure)
            {
                refusal ??= failure;
            }
        }

        return refusal is null ? report.Failures.Count == 0 : throw refusal;
    }
}
