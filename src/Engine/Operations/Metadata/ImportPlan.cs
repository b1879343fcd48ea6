using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>
/// What an import adds to a domain's moments, with every rule of libvirt's redefine checked: name and time are there, the name is free, the
/// parent is known, nothing is its own ancestor, the domain is the same. Pure, and linear in the number of moments.
/// </summary>
/// <param name="Moments">The new moments.</param>
/// <param name="UnknownDisks">By disk that the domain does not have: how many of the moments name it.</param>
internal sealed record ImportPlan(IReadOnlyList<StoredMoment> Moments, IReadOnlyDictionary<string, int> UnknownDisks)
{
    private const string OtherDomain = "Import it into the domain that it was exported from. A machine that was registered anew without its <uuid> is another one: unregister it, and register it from the exported document, which has the definition.";

    public static ImportPlan Make(ImportSet set, DomainDocument domain, DomainMoments state)
    {
        foreach (DomainDocument around in set.Domains)
            if (around.Uuid is { } uuid && uuid != domain.Uuid)
                throw new Errors.MomentException(MetadataErrors.ImportUuidMismatch, $"Cannot import {around.Source} into '{domain.Name}': its <uuid> is {uuid}, that of '{domain.Name}' is {domain.Uuid}. Nothing was imported.", domain.Name, OtherDomain);
        var byKey = new Dictionary<MomentKey, ImportedDocument>();
        foreach (ImportedDocument document in set.Documents)
        {
            CheckAlone(document, domain, state);
            if (!byKey.TryAdd(document.Key, document))
                throw MetadataErrors.Refused(MetadataErrors.ImportNamedTwice, document, domain.Name, "name", $"{document.Label} is in {byKey[document.Key].Place} too", "Leave one of the two out.");
        }

        CheckParents(byKey, domain, state);
        Dictionary<string, int> unknown = new(StringComparer.Ordinal);
        List<StoredMoment> moments = [];
        foreach (ImportedDocument imported in set.Documents)
        {
            MomentDocument document = Aligned(imported.Document, domain);
            foreach (string disk in document.DiskNames.Where(disk => domain.FindDisk(disk) is null))
                unknown[disk] = unknown.GetValueOrDefault(disk) + 1;
            moments.Add(new StoredMoment(imported.Key, MomentIds.New(), document, ParentOf(document, imported.Key.Kind), DateTimeOffset.FromUnixTimeSeconds(document.CreationTime!.Value), null));
        }

        return new ImportPlan(moments, unknown);
    }

    private static void CheckAlone(ImportedDocument document, DomainDocument domain, DomainMoments state)
    {
        if (document.Document.Name is null)
            throw MetadataErrors.Refused(MetadataErrors.ImportIncomplete, document, domain.Name, "name", "the element is missing, and a moment that was taken long ago has a name", "Add its <name>.");
        if (document.Document.CreationTime is null)
            throw MetadataErrors.Refused(MetadataErrors.ImportIncomplete, document, domain.Name, "creationTime", "the element is missing, so it is not known when the moment was taken", "Add the seconds since 1970 as <creationTime>.");
        if (document.DomainUuids.FirstOrDefault(uuid => uuid != domain.Uuid) is var other && other != default)
            throw MetadataErrors.Refused(MetadataErrors.ImportUuidMismatch, document, domain.Name, "uuid", $"it is of the domain with the UUID {other}, and '{domain.Name}' has {domain.Uuid}", OtherDomain);
        if (state.Moments.ContainsKey(document.Key) || state.Broken.Contains(document.Key))
            throw MetadataErrors.Exists(document, domain.Name);
    }

    // libvirt's documents name a parent of their own kind.
    private static MomentKey? ParentOf(MomentDocument document, MomentKind kind) => document.ParentName is { } name ? new MomentKey(kind, name) : null;

    private static void CheckParents(Dictionary<MomentKey, ImportedDocument> imported, DomainDocument domain, DomainMoments state)
    {
        // Each moment is walked over once: what was reached before is known to lead to a root.
        HashSet<MomentKey> sound = [];
        foreach ((MomentKey key, ImportedDocument document) in imported)
        {
            HashSet<MomentKey> line = [];
            for (MomentKey? at = key; at is { } moment && !sound.Contains(moment);)
            {
                if (!line.Add(moment))
                    throw MetadataErrors.Refused(
                        MetadataErrors.ImportParentCycle, document, domain.Name, "parent",
                        line.Count == 1 ? "it names itself as its parent" : $"its ancestors lead back to '{moment.Name}', so that it would be its own ancestor", "Correct the <parent> elements.");
                bool comes = imported.TryGetValue(moment, out ImportedDocument? coming);
                MomentKey? parent = comes ? ParentOf(coming!.Document, moment.Kind) : state.Moments.GetValueOrDefault(moment)?.Parent;
                if (comes && parent is { } missing && !imported.ContainsKey(missing) && !state.Moments.ContainsKey(missing))
                    throw MetadataErrors.Refused(MetadataErrors.ImportParentMissing, coming!, domain.Name, "parent", $"'{missing.Name}' is neither among the {missing.Kind.ToString().ToLowerInvariant()}s of '{domain.Name}' nor among those to be imported", "Import the parent as well, or take the <parent> out to make the moment a root.");
                at = parent;
            }

            sound.UnionWith(line);
        }
    }

    // As libvirt aligns a redefined checkpoint: to the domain that it was taken of, where that is said.
    private static MomentDocument Aligned(MomentDocument document, DomainDocument domain)
    {
        if (document is not CheckpointDocument checkpoint)
            return document;
        DomainDocument then = checkpoint.Domain ?? domain;
        if (!checkpoint.DisksGiven)
            return checkpoint with { Disks = [.. then.Disks.Where(disk => CheckpointAlignment.WhyNot(disk) is null).Select(disk => new CheckpointDisk(disk.Target, CheckpointMode.Bitmap, checkpoint.Name))], DisksGiven = true };
        return checkpoint with
        {
            Disks = [.. checkpoint.Disks.Select(disk => disk with
            {
                Name = then.FindDisk(disk.Name)?.Target ?? then.Disks.FirstOrDefault(one => one.SourcePath == disk.Name)?.Target ?? disk.Name,
                Mode = disk.Mode ?? CheckpointMode.Bitmap,
                Bitmap = disk.Mode == CheckpointMode.No ? null : disk.Bitmap ?? checkpoint.Name,
            })],
        };
    }
}
