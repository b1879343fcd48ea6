using System.Text;
using System.Xml;
using System.Xml.Linq;
using MomentTools.Machines;
using MomentTools.Moments;
using MomentTools.Operations;
using MomentTools.Operations.Metadata;
using MomentTools.Tests.Support;
using MomentTools.Xml;

namespace MomentTools.Fuzz.Targets;

/// <summary>
/// The export of a whole machine with all that is ours in it, damaged, mostly with a checksum that agrees, and given to a machine that knows no
/// moment yet: what is accepted stays in its directory, and can be read back.
/// </summary>
internal sealed class ImportTarget : IFuzzTarget
{
    private readonly ScratchDirectory _scratch = new();
    private readonly RealMachine _machine = new();
    private readonly DomainDocument _domain;
    private readonly string _sound;

    public ImportTarget()
    {
        _sound = _machine.Engine.ExportMomentsAsync(RealMachine.Name, new ExportMomentsRequest(), new FuzzReport(), CancellationToken.None).GetAwaiter().GetResult()[0].Xml;
        _domain = DomainDocument.Load(Path.Combine(_machine.StateDirectory, DomainCatalogue.DocumentName));
    }

    public string Name => "import";

    public int Inputs => 200;

    public long MostBytes => 32 << 20;

    public FuzzInput Make(Random random)
    {
        string text = random.Next(20) == 0 ? _sound : XmlDamage.Of(_sound, random);
        return new FuzzInput(Encoding.UTF8.GetBytes(random.Next(8) == 0 ? text : Signed(text)));
    }

    public Task<bool> ReadAsync(FuzzInput input)
    {
        var request = new ImportMomentsRequest { Documents = [Encoding.UTF8.GetString(input.Whole)] };
        ImportSet set = ImportSet.Read(request, CancellationToken.None);
        var none = new DomainMoments();
        ImportPlan plan = ImportPlan.Make(set, _domain, none);
        DomainMoments next = none with { Moments = plan.Moments.ToDictionary(moment => moment.Key) };
        if (set.Domains is [var around] && TrackingPackage.Find(around) is { } element)
        {
            TrackingPackage package = TrackingPackage.Read(element, around);
            next = next with
            {
                Moments = TrackingReturn.Moments(package, plan.Moments, around.Source).ToDictionary(moment => moment.Key),
                Branches = package.Branches.ToDictionary(branch => branch.Name, StringComparer.Ordinal),
                ActiveBranch = package.ActiveBranch,
                Disks = TrackingReturn.Disks(package, _domain, new Dictionary<string, ObservedLayer>(StringComparer.Ordinal), (_, _) => { }).ToDictionary(disk => disk.Disk, StringComparer.Ordinal),
            };
        }

        ReadBack(none, next);
        return Task.FromResult(true);
    }

    public void Dispose()
    {
        _machine.Dispose();
        _scratch.Dispose();
    }

    private void ReadBack(DomainMoments none, DomainMoments next)
    {
        string directory = _scratch["domain"];
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
        Directory.CreateDirectory(directory);
        var store = new MomentStore(directory);
        // As from a journal, which refuses what leads out of the directory.
        foreach ((string path, string? content) in FileChanges.FromJson(store.Difference(none, next).ToJson()).Files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(directory, path))!);
            File.WriteAllText(Path.Combine(directory, path), content);
        }

        DomainMoments read = store.Load(failure => throw new FuzzFailure($"was accepted and cannot be read back: {failure.Message}"), whole: true);
        FuzzFailure.When(!read.Moments.Keys.ToHashSet().SetEquals(next.Moments.Keys), "other moments are read back than were accepted");
    }

    private static string Signed(string text)
    {
        XElement root;
        try
        {
            root = XElement.Parse(text, LoadOptions.PreserveWhitespace);
        }
        catch (XmlException)
        {
            return text;
        }

        foreach (XElement package in root.Descendants(TrackingPackage.Root).ToList())
            package.SetAttributeValue("checksum", ElementDigest.Of(package, "checksum"));
        return root.ToString(SaveOptions.DisableFormatting);
    }
}
