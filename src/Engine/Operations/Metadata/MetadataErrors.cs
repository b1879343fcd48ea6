using MomentTools.Errors;
using MomentTools.Moments;
using MomentTools.Xml;

namespace MomentTools.Operations.Metadata;

/// <summary>What can be wrong with documents of moments that go out or come in.</summary>
internal static class MetadataErrors
{
    public static readonly ErrorId ExportNothing = new("ExportNothing", ErrorKind.NotFound);
    public static readonly ErrorId ExportPathInvalid = new("ExportPathInvalid", ErrorKind.InvalidArgument);
    public static readonly ErrorId ImportNothing = new("ImportNothing", ErrorKind.InvalidArgument);
    public static readonly ErrorId ImportIncomplete = new("ImportIncomplete", ErrorKind.InvalidArgument);
    public static readonly ErrorId ImportNamedTwice = new("ImportNamedTwice", ErrorKind.InvalidArgument);
    public static readonly ErrorId ImportParentMissing = new("ImportParentMissing", ErrorKind.NotFound);
    public static readonly ErrorId ImportParentCycle = new("ImportParentCycle", ErrorKind.InvalidArgument);
    public static readonly ErrorId ImportUuidMismatch = new("ImportUuidMismatch", ErrorKind.InvalidArgument);
    public static readonly ErrorId ImportCurrentAmbiguous = new("ImportCurrentAmbiguous", ErrorKind.InvalidArgument);
    public static readonly ErrorId ImportNotInImages = new("ImportNotInImages", ErrorKind.InvalidState);
    public static readonly ErrorId TrackingAltered = new("TrackingAltered", ErrorKind.CorruptData);

    private const string Unchanged = "Nothing was imported.";

    /// <summary>A document that breaks a rule which only all documents and the domain together can show.</summary>
    /// <param name="element">The element that is wrong.</param>
    /// <param name="why">What is wrong, without a full stop.</param>
    public static MomentException Refused(ErrorId id, ImportedDocument document, string vm, string element, string why, string advice) => new(
        id, $"Cannot import {document.Label} into '{vm}': {document.Place}, <{element}>: {why}. {Unchanged}", document.Document.Name, advice);

    public static MomentException Exists(ImportedDocument document, string vm) => Refused(
        MomentErrors.MomentExists, document, vm, "name", $"'{vm}' already has a {document.Key.Kind.ToString().ToLowerInvariant()} of that name",
        "Remove the one that is there first (Remove-VMMoment -MetadataOnly keeps its bitmaps), or leave this document out.");

    public static MomentException Altered(string source, string why) => new(
        TrackingAltered, $"Cannot take back the change tracking in {source}: {why}. {Unchanged}", source,
        "Use the export as it was written. To import the moments without their record of changes, remove the element <tracking> from its <metadata>.");

    public static MomentException NotInImages(ImportedDocument document, string vm, IReadOnlyCollection<string> problems) => Refused(
        ImportNotInImages, document, vm, "disks", string.Join("; ", problems), "Import without -Validate to list the moment all the same, or leave it out.");

    public static MomentException FileExists(string path) => new(
        Files.FileErrors.FileExists, $"Cannot export to {XmlErrors.Quote(path)}: it is there already. Nothing was written.", path, "Choose another path, or use -Force to replace it.");
}
