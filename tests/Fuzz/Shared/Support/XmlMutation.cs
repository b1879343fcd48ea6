using System.Text;

namespace MomentTools.Tests.Support;

/// <summary>Breaks a document in one to three places: cut, inserted, overwritten, repeated.</summary>
internal static class XmlMutation
{
    private static readonly string[] Spare = ["<", ">", "/", "&", "'", "\"", "<!DOCTYPE a>", "<![CDATA[", "]]>", "<disk/>", "\0", "é", "99999999999999999999", "<name>x</name>", "xmlns='a'", "&#0;", "\ud800", "checkpoint", "<!--"];

    public static string Of(string seed, Random random) => Of(seed, random, Spare);

    /// <param name="spare">What is put in, in place of the pieces of XML.</param>
    public static string Of(string seed, Random random, IReadOnlyList<string> spare)
    {
        var text = new StringBuilder(seed);
        for (int changes = random.Next(1, 4); changes > 0 && text.Length > 0; changes--)
        {
            int at = random.Next(text.Length);
            int length = Math.Min(random.Next(1, 20), text.Length - at);
            switch (random.Next(4))
            {
                case 0:
                    text.Remove(at, length);
                    break;
                case 1:
                    text.Insert(at, spare[random.Next(spare.Count)]);
                    break;
                case 2:
                    text[at] = (char)random.Next(32, 127);
                    break;
                default:
                    text.Insert(random.Next(text.Length), text.ToString(at, length));
                    break;
            }
        }

        return text.ToString();
    }
}
