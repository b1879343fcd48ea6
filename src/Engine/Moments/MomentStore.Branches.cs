using System.Xml;
using MomentTools.Xml;

namespace MomentTools.Moments;

/// <summary>What completion offers of branches: from names of files, and one attribute of <c>disks.xml</c>.</summary>
internal sealed partial class MomentStore
{
    /// <summary>The names of the branches that have a file, and of the active one, which need not.</summary>
    public IReadOnlyList<string> BranchNames() =>
        [.. Names(BranchFolder).Where(name => MomentNames.BranchRule(name) is null).Append(ActiveBranch()).Distinct(StringComparer.Ordinal)];

    /// <summary>The branch that the machine is on.</summary>
    public string ActiveBranch()
    {
        string path = Path.Combine(directory, DisksFile);
        if (!File.Exists(path))
            return DiskTracking.MainBranch;
        try
        {
            using XmlReader reader = XmlReader.Create(path);
            return reader.MoveToContent() == XmlNodeType.Element && reader.GetAttribute("branch") is { } name ? name : DiskTracking.MainBranch;
        }
        catch (XmlException)
        {
            // Whoever reads the file as a whole tells what is wrong with it.
            return DiskTracking.MainBranch;
        }
    }
}
