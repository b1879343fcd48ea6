using MomentTools.Errors;
using MomentTools.Fuzz.Targets;

namespace MomentTools.Tests.Nbd;

/// <summary>A whole session, cut off at each of its bytes: the client ends in time and says why.</summary>
public sealed class NbdCutSessionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AWholeSessionGoesWell(bool structured) => Assert.True(await NbdTarget.RunAsync(NbdTarget.Session(structured), Patience));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AnEndAtAnyByteFailsByName(bool structured)
    {
        byte[][] session = NbdTarget.Session(structured);
        int length = session.Sum(part => part.Length);
        for (int at = 0; at < length; at++)
        {
            int left = at;
            byte[][] cut = [.. session.Select(part =>
            {
                byte[] kept = part[..Math.Min(left, part.Length)];
                left -= kept.Length;
                return kept;
            })];
            int last = Array.FindLastIndex(cut, part => part.Length > 0);
            await Assert.ThrowsAsync<MomentException>(() => NbdTarget.RunAsync(cut[..Math.Max(1, last + 1)], Patience).WaitAsync(Patience));
        }
    }
}
