using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using MomentTools.Tests.House;

namespace MomentTools.Tests.Hosting;

/// <summary>How results print, as PowerShell prints them, and what becomes of them in JSON and CSV.</summary>
[Collection(nameof(HostedCollection))]
public sealed partial class ViewTests(HostedCollection hosted)
{
    // Of the 80 columns of a terminal the prompt leaves the last one free.
    private const int Width = 79;

    private static readonly XElement Format = XElement.Parse(SourceTree.Read("MomentTools.Format.ps1xml"));

    public static TheoryData<string> Types => [.. SampleResults.Types.Select(type => type.Name)];

    /// <summary>Each view, by the type that it is of; those of a form of a type, as VMMoment#Tree, too.</summary>
    public static TheoryData<string, string> Views
    {
        get
        {
            var views = new TheoryData<string, string>();
            foreach (XElement view in Format.Descendants("View"))
                foreach (XElement type in view.Descendants("TypeName"))
                    views.Add(type.Value["MomentTools.".Length..], view.Elements().Any(part => part.Name == "TableControl") ? "Table" : "List");
            return views;
        }
    }

    public static TheoryData<string> Tables => [.. Views.Select(view => (string)view[0]).Where((_, index) => (string)Views.ElementAt(index)[1] == "Table")];

    [SkippableTheory]
    [MemberData(nameof(Views))]
    public void AViewFitsEightyColumns(string type, string kind)
    {
        foreach (bool lengthy in (bool[])[false, true])
        {
            string[] lines = Print(type, kind, lengthy);
            Assert.NotEmpty(lines);
            Assert.All(lines, line => Assert.True(line.Length <= Width, $"{line.Length} columns: {line}"));
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Tables))]
    public void ATableHasAllItsColumnsAlsoBesideTheLongestNames(string type)
    {
        XElement view = Format.Descendants("View").Single(one => one.Element("TableControl") is not null && one.Descendants("TypeName").Any(name => name.Value == "MomentTools." + type));
        if (view.Descendants("HideTableHeaders").Any())
            return;
        string[] labels =
        [
            .. view.Descendants("TableColumnHeader").Zip(view.Descendants("TableColumnItem"))
                .Select(pair => pair.First.Element("Label")?.Value ?? pair.Second.Element("PropertyName")!.Value),
        ];
        string[] lines = Print(type, "Table", lengthy: true);
        int rule = Array.FindIndex(lines, line => Rule().IsMatch(line));
        Assert.True(rule > 0, string.Join('\n', lines));
        Assert.Equal(labels, lines[rule - 1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        // And there is something in the last of them.
        Assert.Equal(labels.Length, lines[rule].Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [SkippableTheory]
    [MemberData(nameof(Tables))]
    public void ATableBreaksNoWordOfOurs(string type)
    {
        XElement view = Format.Descendants("View").Single(one => one.Element("TableControl") is not null && one.Descendants("TypeName").Any(name => name.Value == "MomentTools." + type));
        string printed = string.Join('\n', Print(type, "Table", lengthy: true));
        object sample = Sample(type.Split('#')[0], lengthy: true);
        foreach (string name in view.Descendants("PropertyName").Select(name => name.Value))
            if (sample.GetType().GetProperty(name)?.GetValue(sample) is Enum word)
                Assert.Contains(word.ToString(), printed, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void TheCurrentMomentOfABackupBreaksNoRowOfATable()
    {
        const string backup = "backup-20261121T212712Z-4217";
        foreach ((string type, string shown) in (ReadOnlySpan<(string, string)>)[(nameof(VMDomain), "backup-202611…"), (nameof(VMDisk), "backup-20261121T2…")])
        {
            object result = Sample(type, lengthy: false);
            result.GetType().GetProperty("Current")!.SetValue(result, backup);
            string text = (string)hosted.Module.Run($"$PSStyle.OutputRendering = 'PlainText'; $args[0] | Out-String -Width {Width}", result).Single().BaseObject;
            Assert.Contains(shown, text, StringComparison.Ordinal);
            Assert.Equal(backup, hosted.Module.Run("$args[0].Current", result).Single().BaseObject);
        }
    }

    [SkippableFact]
    public void OfManyDisksATableOfMachinesNamesTheFirst()
    {
        VMDisk[] disks = [.. new[] { "vda", "vdb", "vdc", "vdd" }.Select(name => new VMDisk { Name = name })];
        foreach ((int count, string shown) in (ReadOnlySpan<(int, string)>)[(1, "vda"), (2, "vda, vdb"), (3, "vda, +2"), (4, "vda, +3")])
        {
            object domain = Sample(nameof(VMDomain), lengthy: false);
            domain.GetType().GetProperty(nameof(VMDomain.Disks))!.SetValue(domain, disks[..count]);
            string text = (string)hosted.Module.Run($"$PSStyle.OutputRendering = 'PlainText'; $args[0] | Out-String -Width {Width}", domain).Single().BaseObject;
            Assert.Matches($@"\s{Regex.Escape(shown)}\s", text);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Types))]
    public void AListHasEverything(string type)
    {
        XElement[] lists = [.. Format.Descendants("View").Where(view => view.Element("ListControl") is not null && view.Descendants("TypeName").Any(name => IsOf(name.Value, type)))];
        if (lists.Length == 0)
            return;
        string[] shown = [.. lists.SelectMany(view => view.Descendants("ListItem")).SelectMany(item => item.Elements("PropertyName").Concat(item.Elements("Label"))).Select(name => name.Value)];
        // Drawn by a view of its own; the same as another one; two that are shown as one text.
        string[] elsewhere = [.. (string[])["Tree"], .. type == "VMDomain" ? (string[])["VM"] : [], .. shown.Contains("ScratchText") ? (string[])["ScratchBytes", "ScratchLimit"] : []];
        IEnumerable<string> texts = shown.Where(name => name.EndsWith("Text", StringComparison.Ordinal)).SelectMany(name => (string[])[name[..^4], name[..^4] + "Bytes"]);
        Assert.Empty(Properties(type).Select(property => property.Name).Except([.. shown, .. texts, .. elsewhere], StringComparer.Ordinal));
    }

    [SkippableTheory]
    [MemberData(nameof(Types))]
    public void SizesAreNumbersBeneathWhatIsShown(string type)
    {
        object result = Sample(type, lengthy: true);
        foreach (System.Reflection.PropertyInfo property in Properties(type).Where(property => property.PropertyType == typeof(long) || property.PropertyType == typeof(long?)))
            Assert.IsType<long>(hosted.Module.Run($"$args[0].{property.Name}", result).Single().BaseObject);
        string printed = string.Join('\n', Print(type, "Table", lengthy: true));
        if (Properties(type).Any(property => property.Name is "Size" or "StoredSize" or "DiskSize") && type is not ("VMMomentDisk" or "VMBlockExport" or "VMBackup"))
            Assert.Matches(@"\d (B|KiB|MiB|GiB|TiB)", printed);
    }

    [SkippableTheory]
    [MemberData(nameof(Types))]
    public void JsonIsWholeAndHasWhatTheObjectHas(string type)
    {
        object result = Sample(type, lengthy: false);
        Collection<PSObject> said = hosted.Module.Run("$args[0] | ConvertTo-Json -Depth 5 3>&1", result);
        using JsonDocument json = JsonDocument.Parse((string)Assert.Single(said).BaseObject);
        Assert.Equal(
            Properties(type).Select(property => property.Name).Order(StringComparer.Ordinal),
            json.RootElement.EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal));
        foreach (System.Reflection.PropertyInfo property in Properties(type))
            CheckJson($"{type}.{property.Name}", property.PropertyType, json.RootElement.GetProperty(property.Name));
    }

    // ConvertTo-Json alone decides what becomes of an enumeration: this is what about_MomentTools_Automation advises.
    [SkippableTheory]
    [MemberData(nameof(Types))]
    public void JsonHasTheNamesOfKindsAndStatesWhereTheyAreAskedFor(string type)
    {
        string json = (string)hosted.Module.Run("$args[0] | ConvertTo-Json -Depth 5 -EnumsAsStrings", Sample(type, lengthy: false)).Single().BaseObject;
        using JsonDocument read = JsonDocument.Parse(json);
        CheckNames(type, TypeOf(type), read.RootElement);
    }

    [SkippableTheory]
    [MemberData(nameof(Types))]
    public void CsvIsFlatAndSaysWhatIsInLists(string type)
    {
        string text = string.Join('\n', hosted.Module.Run("$args[0] | ConvertTo-Csv -NoTypeInformation", Sample(type, lengthy: false)).Select(line => (string)line.BaseObject));
        Assert.DoesNotMatch(@"System\.|MomentTools\.|\[\]|`1|\{ ", text);
        PSObject read = hosted.Module.Run("$args[0] | ConvertFrom-Csv", text).Single();
        Assert.Equal(Properties(type).Select(property => property.Name).Order(StringComparer.Ordinal), read.Properties.Select(property => property.Name).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(read.Properties, property => string.IsNullOrEmpty((string)property.Value));
    }

    [SkippableFact]
    public void WhatAStrangerWroteDoesNotSpeakToTheTerminal()
    {
        const string spoken = "x\u001b]0;y\u0007\u009b2J\r";
        object[] results =
        [
            new VMBitmap { Path = "/" + spoken, Name = spoken, Granularity = 65536, State = VMBitmapState.Foreign },
            new VMDisk { Name = "vda", Path = "/" + spoken, Reason = spoken, TrackingReason = spoken },
            new VMMomentDisk { Name = "vda", Problem = spoken },
            new VMMomentFinding { Id = "BitmapForeign", Severity = "Warning", VM = "web1", Layer = "/" + spoken, Bitmaps = [spoken], Text = spoken, Remedy = spoken },
            new VMBackup { VM = "web1", Id = "i", Kind = VMBackupKind.Full, Created = DateTimeOffset.UnixEpoch, Repository = "/r", Uuid = Guid.Empty, Description = spoken },
        ];
        foreach (object result in results)
        {
            foreach (string list in (string[])["", "Format-List | "])
            {
                string text = (string)hosted.Module.Run($"$PSStyle.OutputRendering = 'PlainText'; $args[0] | {list}Out-String -Width {Width}", result).Single().BaseObject;
                Assert.DoesNotContain(text, letter => char.IsControl(letter) && letter != '\n');
            }
        }
    }

    [SkippableFact]
    public void ListsOfResultsAreAtHandLikeArrays()
    {
        object domain = new VMBackup
        {
            VM = "web1", Id = "i", Kind = VMBackupKind.Full, Created = DateTimeOffset.UnixEpoch, Repository = "/r", Uuid = Guid.Empty, DependsOn = ["first", "second", "third"],
        };
        foreach ((string script, string expected) in (ReadOnlySpan<(string, string)>)[
            ("$args[0].DependsOn[0]", "first"), ("$args[0].DependsOn[1]", "second"), ("$args[0].DependsOn[-1]", "third"), ("$args[0].DependsOn[0..1] -join ' '", "first second"),
            ("$args[0].DependsOn.Count", "3"), ("$args[0].DependsOn.Length", "3"), ("\"$($args[0].DependsOn)\"", "first second third"), ("$args[0].DependsOn -contains 'second'", "True"),
            ("@($args[0].DependsOn).Count", "3"), ("($args[0].DependsOn + 'more').Count", "4"), ("($args[0].DependsOn | Measure-Object).Count", "3"), ("$args[0].DependsOn -join '+'", "first+second+third"),
            ("foreach ($one in $args[0].DependsOn) { if ($one -eq 'third') { $one } }", "third"), ("[string[]]$all = $args[0].DependsOn; $all[2]", "third"), ("($args[0].DependsOn -like 's*')", "second"),
            ("$a, $b = $args[0].DependsOn; $b -join ' '", "second third")])
            Assert.Equal(expected, Convert.ToString(hosted.Module.Run(script, domain).Single().BaseObject, CultureInfo.InvariantCulture));
    }

    private string[] Print(string type, string kind, bool lengthy)
    {
        string[] parts = type.Split('#');
        var shown = new PSObject(Sample(parts[0], lengthy));
        if (parts.Length > 1)
            shown.TypeNames.Insert(0, "MomentTools." + type);
        string text = (string)hosted.Module.Run(
            $"$PSStyle.OutputRendering = 'PlainText'; $args[0] | {(kind == "List" ? "Format-List | " : "")}Out-String -Width {Width}", shown).Single().BaseObject;
        return [.. text.Split('\n').Select(line => line.TrimEnd()).Where(line => line.Length > 0)];
    }

    private static void CheckJson(string name, Type type, JsonElement value)
    {
        Type plain = Nullable.GetUnderlyingType(type) ?? type;
        JsonValueKind[] expected =
            plain == typeof(string) || plain == typeof(Guid) || plain == typeof(Uri) || plain == typeof(DateTimeOffset) ? [JsonValueKind.String]
            : plain == typeof(bool) ? [JsonValueKind.True, JsonValueKind.False]
            : plain.IsPrimitive || plain.IsEnum ? [JsonValueKind.Number]
            : plain.IsGenericType ? [JsonValueKind.Array] : [JsonValueKind.Object];
        Assert.True(expected.Contains(value.ValueKind), $"{name} is {value.ValueKind} in JSON: {value}");
    }

    private static void CheckNames(string name, Type type, JsonElement value)
    {
        Type plain = Nullable.GetUnderlyingType(type) ?? type;
        if (plain.IsEnum)
            Assert.True(value.ValueKind == JsonValueKind.String && Enum.IsDefined(plain, value.GetString()!), $"{name} is {value} in JSON");
        else if (value.ValueKind == JsonValueKind.Array && plain.IsGenericType)
            Assert.All(value.EnumerateArray(), item => CheckNames(name, plain.GenericTypeArguments[0], item));
        else if (value.ValueKind == JsonValueKind.Object)
            Assert.All(value.EnumerateObject(), property => CheckNames($"{name}.{property.Name}", plain.GetProperty(property.Name)?.PropertyType ?? typeof(object), property.Value));
    }

    private static object Sample(string type, bool lengthy) => SampleResults.Of(TypeOf(type), lengthy);

    private static Type TypeOf(string name) => SampleResults.Types.SingleOrDefault(type => type.Name == name) ?? typeof(VMCheckpoint);

    private static bool IsOf(string viewed, string type) => TypeOf(type) is var actual && (viewed == actual.FullName || viewed == actual.BaseType!.FullName);

    private static System.Reflection.PropertyInfo[] Properties(string type) =>
        TypeOf(type).GetProperties(System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.Instance);

    [GeneratedRegex("^[- ]+$", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Rule();
}
