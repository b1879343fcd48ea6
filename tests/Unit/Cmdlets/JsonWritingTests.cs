using System.Collections;
using System.Collections.Specialized;
using MomentTools.Cmdlets.Json;
using MomentTools.Errors;

namespace MomentTools.Tests.Cmdlets;

public sealed class JsonWritingTests
{
    [Fact]
    public void WritesWhatAHashtableHolds()
    {
        var arguments = new OrderedDictionary
        {
            ["node-name"] = "vda \"x\"",
            ["flat"] = true,
            ["size"] = ulong.MaxValue,
            ["nothing"] = null,
            ["ratio"] = 0.5,
            ["list"] = new object[] { 1, "two", new Hashtable { ["k"] = -3L } },
            ["map"] = new Dictionary<string, int> { ["a"] = 1 },
        };

        Assert.Equal(
            """{"node-name":"vda \u0022x\u0022","flat":true,"size":18446744073709551615,"nothing":null,"ratio":0.5,"list":[1,"two",{"k":-3}],"map":{"a":1}}""",
            JsonWriting.Text(arguments));
    }

    [Fact]
    public void RefusesWhatJsonHasNoFormFor()
    {
        AssertRefused(new Hashtable { ["when"] = DateTime.UnixEpoch }, "Arguments.when");
        AssertRefused(new Hashtable { ["x"] = new object[] { double.NaN } }, "Arguments.x[0]");
        AssertRefused(new Hashtable { [1] = "one" }, "Arguments");
    }

    [Fact]
    public void RefusesAHashtableThatHoldsItself()
    {
        var loop = new Hashtable();
        loop["again"] = loop;
        var failure = Assert.Throws<MomentException>(() => JsonWriting.Text(loop));
        Assert.Equal("QmpArgumentsNotJson", failure.ErrorId.Name);
    }

    private static void AssertRefused(Hashtable arguments, string where)
    {
        var failure = Assert.Throws<MomentException>(() => JsonWriting.Text(arguments));
        Assert.Equal("QmpArgumentsNotJson", failure.ErrorId.Name);
        Assert.Equal(where, failure.Target);
        Assert.NotNull(failure.Advice);
    }
}
