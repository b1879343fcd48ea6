using MomentTools.Tests.Support;

namespace MomentTools.Tests.Xml;

/// <summary>libvirt's Relax NG schemas, asked through xmllint: many documents in one run.</summary>
internal static class LibvirtSchema
{
    private const string Folder = "/usr/share/libvirt/schemas";
    private const int DocumentsPerRun = 2000;

    /// <summary>Skips the test, saying why, where the tool or the schema is not installed.</summary>
    public static void Require(string schema)
    {
        Tool.Require("xmllint");
        Skip.IfNot(File.Exists(Path.Combine(Folder, schema)), $"libvirt's schema {schema} is not in {Folder}: install libvirt to run this test");
    }

    /// <summary>For each document whether it is valid.</summary>
    public static bool[] Validate(string schema, IReadOnlyList<string> documents)
    {
        using var scratch = new ScratchDirectory();
        bool[] valid = new bool[documents.Count];
        foreach (int[] run in Enumerable.Range(0, documents.Count).Chunk(DocumentsPerRun))
        {
            string[] paths = [.. run.Select(i => scratch[$"{i}.xml"])];
            foreach ((int i, string path) in run.Zip(paths))
                File.WriteAllText(path, documents[i]);
            (_, string output, string error) = Tool.TryRun("xmllint", ["--noout", "--relaxng", Path.Combine(Folder, schema), .. paths]);
            HashSet<string> lines = [.. (output + error).Split('\n')];
            foreach ((int i, string path) in run.Zip(paths))
            {
                valid[i] = lines.Contains(path + " validates");
                Assert.True(valid[i] || lines.Contains(path + " fails to validate"), $"xmllint said nothing of {documents[i]}: {error}");
            }
        }

        return valid;
    }
}
