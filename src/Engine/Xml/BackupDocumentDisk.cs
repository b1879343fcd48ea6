using System.Xml.Linq;
using MomentTools.Errors;

namespace MomentTools.Xml;

/// <summary>One <c>&lt;disk&gt;</c> of a <c>&lt;domainbackup&gt;</c>.</summary>
/// <param name="Name">The disk's target.</param>
internal sealed record BackupDocumentDisk(string Name)
{
    private const string Full = "full", Increment = "incremental";

    /// <summary>Whether it is backed up.</summary>
    public bool Included { get; init; } = true;

    /// <summary>Whether only changes are backed up; null where the document does not say, which means where a moment is named for them.</summary>
    public bool? IsIncremental { get; init; }

    /// <summary>The moment since which changes count; null where the disk does not say.</summary>
    public string? Incremental { get; init; }

    /// <summary>The absolute path of the file that holds its content; only written, for what is backed up already.</summary>
    public string? TargetFile { get; init; }

    /// <summary>The absolute path of the file that takes what the machine overwrites meanwhile; null where the document does not say.</summary>
    public string? ScratchFile { get; init; }

    public static BackupDocumentDisk Read(XElement disk, bool pull, XmlCheck check)
    {
        foreach (string served in (string[])["exportname", "exportbitmap"])
            if (disk.Attribute(served) is { } attribute)
                throw Unsupported(attribute, $"a backup here serves nothing, and '{served}' must be left out: Start-VMBlockExport serves disks over NBD", check);
        check.Attributes(disk, "name", "backup", "type", "backupmode", "incremental");
        string name = check.Required(disk, "name");
        if (!DomainDisk.IsTarget(name))
            throw check.Broken(disk.Attribute("name")!, $"the disk {XmlErrors.Quote(name)} is no target, like vda");
        if (disk.Element("target") is { } target)
            throw Unsupported(target, "the repository places its files itself, and <target> must be left out", check);
        bool included = check.Choice(disk, "backup", "yes", "no") != "no";
        if (!included && (disk.Attribute("type") is not null || disk.HasElements))
            throw check.Broken(disk, "a disk that is left out has neither a type nor anything in it");
        if (check.Choice(disk, "type", "file", "block") == "block")
            throw Unsupported(disk.Attribute("type")!, "a repository has files, and the type 'block' cannot be used", check);
        check.Content(disk, pull ? ["driver", "scratch"] : ["driver"]);
        if (disk.Element("driver") is { } driver)
            ReadDriver(driver, check);
        bool? incremental = check.Choice(disk, "backupmode", Full, Increment) switch { null => null, var mode => mode == Increment };
        string? since = disk.Attribute("incremental") is { } given ? SinceOf(given, given.Value, check) : null;
        return since is null || incremental != false
            ? new BackupDocumentDisk(name) { Included = included, IsIncremental = incremental, Incremental = since, ScratchFile = disk.Element("scratch") is { } scratch ? ReadScratch(scratch, check) : null }
            : throw check.Broken(disk, $"'{Increment}' does not go with backupmode='{Full}'");
    }

    public XElement ToElement() => new("disk",
        new XAttribute("name", Name),
        new XAttribute("backup", Included ? "yes" : "no"),
        Included ? new XAttribute("type", "file") : null,
        IsIncremental is { } incremental ? new XAttribute("backupmode", incremental ? Increment : Full) : null,
        Incremental is null ? null : new XAttribute("incremental", Incremental),
        TargetFile is null && ScratchFile is null ? null : new XElement("driver", new XAttribute("type", "qcow2")),
        TargetFile is null ? null : new XElement("target", new XAttribute("file", TargetFile)),
        ScratchFile is null ? null : new XElement("scratch", new XAttribute("file", ScratchFile)));

    /// <summary>The refusal of what libvirt can do there, and a repository does otherwise.</summary>
    public static MomentException Unsupported(XObject where, string rule, XmlCheck check) => check.Broken(where, rule, XmlErrors.BackupDocumentUnsupported);

    /// <summary>The name of a moment, checked.</summary>
    public static string SinceOf(XObject where, string name, XmlCheck check) => MomentNames.CheckpointRule(name) is { } rule
        ? throw check.Broken(where, $"{XmlErrors.Quote(name)} cannot be the name of a checkpoint: {rule}")
        : name;

    private static void ReadDriver(XElement driver, XmlCheck check)
    {
        check.Attributes(driver, "type");
        check.Content(driver, []);
        if (check.Required(driver, "type") is not "qcow2" and var type)
            throw Unsupported(driver.Attribute("type")!, $"a repository's files are qcow2, and the format {XmlErrors.Quote(type)} cannot be used", check);
    }

    private static string ReadScratch(XElement scratch, XmlCheck check)
    {
        if (scratch.Attribute("dev") is { } device)
            throw Unsupported(device, "scratch space is a file, and 'dev' cannot be used", check);
        return check.OnlyFile(scratch);
    }
}
