using MomentTools.Operations.Backups.Checking;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Operations.Backups.Checking;

public sealed class ConsoleTextTests
{
    [Fact]
    public void ATextIsFoundHoweverItArrives()
    {
        using var scratch = new ScratchDirectory();
        var console = new ConsoleText([scratch["none"], scratch["one"]], "grüße:\nlogin");
        Assert.False(console.Look());
        byte[] said = System.Text.Encoding.UTF8.GetBytes(new string('x', 70_000) + "\r\ngrüße:\r\nlogin");
        for (int i = 0; i < said.Length; i += i < 69_990 ? 69_990 : 1)
        {
            using (var file = new FileStream(scratch["one"], FileMode.Append))
                file.Write(said, i, Math.Min(i < 69_990 ? 69_990 : 1, said.Length - i));
            Assert.Equal(i == said.Length - 1, console.Look());
        }
    }

    [Fact]
    public void TheLastLinesAreForPeople()
    {
        using var scratch = new ScratchDirectory();
        File.WriteAllText(scratch["one"], string.Concat(Enumerable.Range(1, 2000).Select(number => $"line {number}\r\n")) + "\u001b[2J\u0007end " + new string('y', 500));
        var console = new ConsoleText([scratch["one"]], null);
        Assert.False(console.Look());
        string[] tail = console.Tail().Split('\n');
        Assert.Equal(12, tail.Length);
        Assert.Equal("line 1990", tail[0]);
        Assert.StartsWith("[2Jend yyy", tail[^1], StringComparison.Ordinal);
        Assert.Equal(160, tail[^1].Length);
    }
}
