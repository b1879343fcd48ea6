using System.Xml.Linq;
using MomentTools.Errors;
using MomentTools.Xml;

namespace MomentTools.Operations.Branches;

/// <summary>
/// A branch as a <c>&lt;domainsnapshot&gt;</c> asks for it: <c>&lt;name&gt;</c> is the branch's, <c>&lt;branch&gt;</c> names the snapshot that
/// it begins at, <c>&lt;description&gt;</c> are words about it.
/// </summary>
internal static class BranchDocument
{
    private const string Source = XmlErrors.Given;

    /// <summary>The request with what its document says; what the request says itself goes first.</summary>
    /// <exception cref="MomentException">The document breaks a rule, or lacks something (<c>BranchDocumentIncomplete</c>).</exception>
    public static CreateBranchRequest Complete(CreateBranchRequest request)
    {
        if (request.Xml is not { } xml)
            return request;
        XElement root = XmlSource.Parse(xml, Source).Root!;
        var check = new XmlCheck(Source);
        check.Root(root, SnapshotDocument.RootName);
        XElement? start = check.Single(root, "branch");
        string? from = start is null ? null : check.Text(start).Trim();
        if (from is not null && MomentNames.SnapshotRule(from) is { } rule)
            throw check.Broken(start!, $"{XmlErrors.Quote(from)} is not a valid name: {rule}", XmlErrors.MomentNameInvalid);
        // Without that one element it is a document like any other, and the same rules hold.
        start?.Remove();
        SnapshotDocument document = SnapshotDocument.FromElement(root, Source, XmlOrigin.User);
        return request with
        {
            Name = request.Name ?? document.Name ?? throw Incomplete("<name>, which names the branch"),
            From = request.From ?? from ?? throw Incomplete("<branch>, which names the snapshot that the branch begins at"),
            Description = request.Description ?? document.Description,
        };
    }

    private static MomentException Incomplete(string what) => new(
        BranchErrors.BranchDocumentIncomplete, $"Cannot use the XML given for a branch: it lacks the element {what}.", Source, "Add it, or use -Name and -From. Nothing was changed.");
}
