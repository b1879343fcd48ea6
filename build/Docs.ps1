#Requires -Version 7.6
# Turns the markdown in docs/help into the MAML file that Get-Help reads; the result is committed.
param(
    [Parameter(Mandatory)][string] $Help,
    [string] $Destination = (Join-Path $Help en-US)
)
$ErrorActionPreference = 'Stop'
Import-Module Microsoft.PowerShell.PlatyPS -MinimumVersion 1.0

# PlatyPS 1.0 leaves an example's code in its fence as introducing text, and parts the paragraphs by a control character.
# Get-Help, and whatever else reads MAML, looks for the code and for the words about it in elements of their own.
function Format-ForConsole([string] $Path) {
    $maml = [xml]::new()
    $maml.Load($Path)
    $dev = 'http://schemas.microsoft.com/maml/dev/2004/10'
    foreach ($example in $maml.GetElementsByTagName('command:example')) {
        $code = $example.GetElementsByTagName('code', $dev)[0]
        $remarks = $example.GetElementsByTagName('remarks', $dev)[0]
        foreach ($paragraph in @($example.introduction.para)) {
            if ($paragraph -match '(?s)\A```powershell\n(.+)\n```\z') { $code.InnerText = $Matches[1] }
            elseif ($paragraph -cne [string][char]0x80) {
                $copy = $maml.CreateElement('maml', 'para', 'http://schemas.microsoft.com/maml/2004/10')
                $copy.InnerText = $paragraph
                $remarks.AppendChild($copy) | Out-Null
            }
        }
        $example.RemoveChild($example['maml:introduction']) | Out-Null
    }
    # A link to another page of ours is to a file that only the repository has: at the prompt its name is what Get-Help takes.
    foreach ($link in $maml.GetElementsByTagName('maml:navigationLink')) {
        if ($link['maml:uri'].InnerText -notlike 'https:*') { $link['maml:uri'].IsEmpty = $true }
    }
    $writer = [Xml.XmlWriter]::Create($Path, [Xml.XmlWriterSettings]@{ Indent = $true; NewLineChars = "`n"; Encoding = [Text.UTF8Encoding]::new($false) })
    try { $maml.Save($writer) } finally { $writer.Dispose() }
}

$scratch = Join-Path ([IO.Path]::GetTempPath()) "mt-help-$PID"
try {
    $pages = Get-ChildItem $Help -Filter *-*.md -Recurse | Measure-PlatyPSMarkdown | Where-Object Filetype -Match CommandHelp
    $made = $pages | Import-MarkdownCommandHelp -Path { $_.FilePath } | Export-MamlCommandHelp -OutputFolder $scratch -Force
    foreach ($file in $made) {
        Format-ForConsole $file.FullName
        Move-Item $file.FullName (Join-Path $Destination $file.Name) -Force
        Join-Path $Destination $file.Name
    }
}
finally { Remove-Item $scratch -Recurse -Force -ErrorAction Ignore }
