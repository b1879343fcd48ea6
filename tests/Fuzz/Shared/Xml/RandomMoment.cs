using System.Xml.Linq;

namespace MomentTools.Tests.Xml;

/// <summary>Random documents of moments: made after the schema's words, then mutated or not.</summary>
internal sealed class RandomMoment(Random random)
{
    private static readonly string[] Names = ["a", "c1", "-x.y_z", "1525889631", "before it", "é ü", "C"];

    // Values that are right in one place and wrong in another, and some that are right nowhere.
    private static readonly string[] Values =
        ["no", "internal", "external", "manual", "bitmap", "file", "block", "network", "qcow2", "raw", "vda", "vdb", "nvme0n1", "/i/x", "/i/y é", "/", "x/y", "C:\\x", "", " ", "0", "1", "-1", "2", " 1 ", " no ",
         "running", "shutoff", "disk-snapshot", "pmsuspended", "nostate", "a", "c1", ".x", "a/b", "a*", "99999999999999999999", "9999999999999999999", "253402300800", "KiB", "bytes", "x", "93a5c045-6457-2c09-e56c-927cdf34e178", "gluster", "nbd", "dac"];

    private static readonly string[] Tags =
        ["name", "description", "parent", "creationTime", "disks", "disk", "state", "memory", "active", "cookie", "revertDisks", "driver", "source", "metadata_cache", "max_size", "snapshotDeleteInProgress", "seclabel", "slices", "uuid", "x", "{urn:x}name"];

    private static readonly string[] AttributeNames = ["name", "snapshot", "checkpoint", "bitmap", "size", "type", "file", "dev", "index", "unit", "startupPolicy", "x", "{urn:x}name"];

    /// <summary>A document that the schema allows, with its elements in any order.</summary>
    public XElement Checkpoint()
    {
        string name = Of(["c1", "a", "-x.y_z"]);
        return new XElement("domaincheckpoint", Shuffled(
            Maybe(() => new XElement("name", name)),
            Maybe(() => new XElement("description", Of(Values))),
            Maybe(() => new XElement("parent", new XElement("name", Of(["c0", "_", "1525889631"])))),
            Maybe(() => new XElement("creationTime", random.Next())),
            Maybe(() => new XElement("disks", Many(1, i => CheckpointDisk(i, name)))),
            Rarely(() => Domain("domain"))));
    }

    /// <inheritdoc cref="Checkpoint"/>
    public XElement Snapshot() => new("domainsnapshot", Shuffled(
        Maybe(() => new XElement("name", Of(Names))),
        Maybe(() => new XElement("description", Of(Values))),
        Maybe(() => new XElement("state", Of(["running", "blocked", "paused", "shutdown", "crashed", "shutoff", "disk-snapshot"]))),
        Maybe(() => new XElement("parent", new XElement("name", Of(Names)))),
        Maybe(() => new XElement("creationTime", random.Next())),
        Maybe(Memory),
        Maybe(() => new XElement("disks", Many(0, SnapshotDisk))),
        Rarely(() => new XElement("active", random.Next(2))),
        Rarely(() => random.Next(3) == 0 ? new XElement("domain", new XElement("uuid", "93a5c045-6457-2c09-e56c-927cdf34e178")) : Domain("domain")),
        Rarely(() => Domain("inactiveDomain")),
        Rarely(() => new XElement("cookie", Many(0, i => new XElement("{urn:x}c", new XAttribute("v", i), Of(Values)))))));

    /// <summary>Changes the document in one to three places, never inside a domain, which is not ours to judge.</summary>
    public void Mutate(XElement root)
    {
        for (int left = random.Next(1, 4); left > 0; left--)
        {
            List<XElement> places = [.. root.DescendantsAndSelf().Where(element => !element.Ancestors().Any(IsDomain) && !IsDomain(element))];
            Mutate(places[random.Next(places.Count)], root);
        }
    }

    private static bool IsDomain(XElement element) => element.Name.LocalName is "domain" or "inactiveDomain" && element.HasAttributes;

    private void Mutate(XElement place, XElement root)
    {
        XAttribute? attribute = place.Attributes().ElementAtOrDefault(random.Next(2));
        switch (random.Next(10))
        {
            case 0 when place != root:
                place.Remove();
                break;
            case 1 when place != root:
                place.AddAfterSelf(new XElement(place));
                break;
            case 2:
                place.Name = Of(Tags);
                break;
            case 3:
                place.AddFirst(new XElement(Of(Tags)));
                break;
            case 4:
                place.SetAttributeValue(Of(AttributeNames), Of(Values));
                break;
            case 5 when attribute is not null:
                attribute.Remove();
                break;
            case 6 or 7 when attribute is not null:
                attribute.Value = Of(Values);
                break;
            case 8 when !place.HasElements:
                place.Value = Of(Values);
                break;
            default:
                place.Add(new XText(Of([" ", "\n", "x"])));
                break;
        }
    }

    private XElement CheckpointDisk(int i, string name) => new("disk", DiskName(i), random.Next(4) switch
    {
        0 => [new XAttribute("checkpoint", "no")],
        1 => [new XAttribute("checkpoint", "bitmap"), new XAttribute("bitmap", name)],
        2 => [new XAttribute("checkpoint", "bitmap"), new XAttribute("size", random.NextInt64())],
        _ => Array.Empty<XAttribute>(),
    });

    private XElement SnapshotDisk(int i)
    {
        string type = Of(["file", "file", "block", "network"]);
        XElement? source = type switch
        {
            "file" => new XElement("source", Maybe(() => new XAttribute("file", "/i/new é")), Rarely(SecurityLabel), Rarely(SecurityLabel), Rarely(Slices), Rarely(() => new XAttribute("index", 3))),
            "block" => new XElement("source", new XAttribute("dev", "/dev/new"), Rarely(SecurityLabel)),
            _ => new XElement("source", new XAttribute("protocol", "gluster"), new XAttribute("name", "v/i"), new XElement("host", new XAttribute("name", "h"))),
        };
        object?[] rest = random.Next(5) switch
        {
            0 => [new XAttribute("snapshot", Of(["no", "internal", "manual"]))],
            1 => [new XAttribute("snapshot", "external")],
            _ =>
            [
                Maybe(() => new XAttribute("snapshot", "external")),
                type == "file" && random.Next(2) == 0 ? null : new XAttribute("type", type),
                type == "network" ? null : Maybe(Driver),
                type == "network" ? source : Maybe(() => source),
            ],
        };
        return new XElement("disk", DiskName(i), rest);
    }

    private XElement Driver() => new("driver", Maybe(() => new XAttribute("type", Of(["cow", "qcow", "qcow2", "qed", "vmdk"]))),
        Rarely(() => new XElement("metadata_cache", Maybe(() => new XElement("max_size", Maybe(() => new XAttribute("unit", Of(["bytes", "KiB", "mb", "G"]))), random.Next(1 << 20))))));

    private XElement Memory() => random.Next(3) switch
    {
        0 => new XElement("memory", new XAttribute("snapshot", Of(["no", "internal"]))),
        1 => new XElement("memory", new XAttribute("file", "/i/memory")),
        _ => new XElement("memory", new XAttribute("snapshot", "external"), new XAttribute("file", "/i/memory")),
    };

    private static XElement SecurityLabel() => new("seclabel", new XAttribute("model", "dac"), new XAttribute("relabel", "no"));

    private static XElement Slices() => new("slices", new XElement("slice", new XAttribute("type", "storage"), new XAttribute("offset", 512), new XAttribute("size", 1024)));

    private static XElement Domain(string name) => new(name, new XAttribute("type", "kvm"), new XElement("name", "web1"), new XElement("memory", 65536), new XElement("os", new XElement("type", "hvm")));

    private XAttribute DiskName(int i) => new("name", random.Next(4) == 0 ? $"/i/disk {i}" : $"vd{(char)('a' + i)}");

    private XElement[] Many(int least, Func<int, XElement> make) => [.. Enumerable.Range(0, random.Next(least, 4)).Select(make)];

    private object?[] Shuffled(params object?[] content)
    {
        random.Shuffle(content);
        return content;
    }

    private T? Maybe<T>(Func<T?> make) where T : class => random.Next(2) == 0 ? make() : null;

    private T? Rarely<T>(Func<T> make) where T : class => random.Next(5) == 0 ? make() : null;

    private string Of(string[] words) => words[random.Next(words.Length)];
}
