using MomentTools.Qcow2;
using MomentTools.Tests.Support;

namespace MomentTools.Tests.Qcow2;

public sealed class LongBackingNameTests
{
    [Fact]
    public void NamesThatAreRelativeToEachOtherDoNotMakeAPathLongerForEver()
    {
        using var scratch = new ScratchDirectory();
        foreach (string directory in (string[])["one", "two"])
        {
            Directory.CreateDirectory(scratch[directory]);
            File.WriteAllText(scratch[directory + "/vda.qcow2"], "");
        }

        string path = scratch["one/vda.qcow2"];
        for (int layer = 0; layer < 1000; layer++)
            path = BackingName.Resolve(path, layer % 2 == 0 ? "../two/vda.qcow2" : "../one/vda.qcow2");

        Assert.InRange(path.Length, 1, 1100);
        Assert.Equal(BackingName.Real(scratch["one/vda.qcow2"]), BackingName.Real(path));
        // Where nothing is long, links stay as they were named.
        Assert.Equal(scratch["one/../two/vda.qcow2"], BackingName.Resolve(scratch["one/vda.qcow2"], "../two/vda.qcow2"));
    }
}
