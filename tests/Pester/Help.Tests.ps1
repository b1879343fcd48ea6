BeforeDiscovery {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $commands = (Get-Command -Module MomentTools).Name | ForEach-Object { @{ Command = $_ } }
    $topics = (Get-ChildItem (Join-Path (Get-RepositoryRoot) docs/help/en-US) -Filter about_*.help.txt).Name -replace '\.help\.txt$'
    $texts = @(Get-ChildItem (Join-Path (Get-RepositoryRoot) docs/help/en-US) -Filter about_*.help.txt) + (Get-Item (Join-Path (Get-RepositoryRoot) README.md)) |
        ForEach-Object { @{ File = $_.Name; Path = $_.FullName } }
}

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-Module $PSScriptRoot/Examples.psm1 -Force
    Import-ModuleUnderTest
    $pages = Get-ChildItem (Join-Path (Get-RepositoryRoot) docs/help) -Filter *-*.md

    # What is wrong with a piece of PowerShell: its syntax, commands that are neither ours nor PowerShell's own, parameters that do not exist.
    function Find-Mistake([string] $Code) {
        $errors = $null
        $tree = [Management.Automation.Language.Parser]::ParseInput($Code, [ref]$null, [ref]$errors)
        $errors | ForEach-Object Message
        foreach ($call in $tree.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true)) {
            # Other programs, and Pester's words, are named here; QM is the prefix that about_MomentTools tells of.
            $name = $call.GetCommandName() -replace '-QMVM', '-VM'
            if ($name -in 'virsh', 'mail', 'nbdcopy', 'nbdinfo', 'qemu-img', 'It', 'Should', 'Invoke-Pester') { continue }
            $command = Get-Command $name -CommandType Cmdlet, Function -ErrorAction Ignore
            if ($command.Source -notmatch '^(MomentTools|(Microsoft\.PowerShell\.(Core|Utility|Management|Archive)|ThreadJob))$') { "'$name' is no command of ours or PowerShell's"; continue }
            $call.CommandElements | Where-Object { $_ -is [Management.Automation.Language.CommandParameterAst] } |
                Where-Object { $given = $_.ParameterName; -not $command.Parameters.ContainsKey($given) -and $given -notin $command.Parameters.Values.Aliases } |
                ForEach-Object { "$name has no parameter -$($_.ParameterName)" }
            # What comes through the pipeline is not known to the binder, and would be missed.
            if ($call.Parent -is [Management.Automation.Language.PipelineAst] -and $call.Parent.PipelineElements.IndexOf($call) -gt 0) { continue }
            [Management.Automation.Language.StaticParameterBinder]::BindCommand($call, $true).BindingExceptions.Values |
                ForEach-Object { "${name}: $($_.BindingException.Message)" }
        }
    }
}

Describe 'The help of <Command>' -ForEach $commands {
    BeforeAll {
        $help = Get-Help $Command -Full
        $examples = @(Get-Example (Join-Path (Get-RepositoryRoot) "docs/help/$Command.md"))
    }

    It 'has a synopsis and a description' {
        $help.Synopsis | Should -Match '\.$'
        $help.Description.Text -join '' | Should -Not -BeNullOrEmpty
    }

    It 'has two examples or more on its page, numbered, with code and words' {
        $examples.Count | Should -BeGreaterOrEqual 2
        $examples.Number | Should -Be @(1..$examples.Count)
        $titles = [regex]::Match((Get-Content (Join-Path (Get-RepositoryRoot) "docs/help/$Command.md") -Raw), '(?ms)^## EXAMPLES\n(.*?)^## ').Value
        [regex]::Matches($titles, '(?m)^### ').Count | Should -Be $examples.Count -Because 'one without a number, code or words is none'
        $examples.Code -join ' ' | Should -Match ([regex]::Escape($Command))
    }

    It 'has examples that are PowerShell, with commands and parameters that exist' {
        $examples | ForEach-Object { Find-Mistake $_.Code } | Should -BeNullOrEmpty
    }

    It 'shows the same examples in the console' {
        $shown = @($help.Examples.Example)
        $shown.Count | Should -Be $examples.Count
        for ($i = 0; $i -lt $shown.Count; $i++) {
            $shown[$i].Title | Should -Be "--------- Example $($i + 1): $($examples[$i].Title) ---------"
            ("$($shown[$i].Code)" -replace '\r').Trim() | Should -Be $examples[$i].Code
            ("$($shown[$i].Remarks.Text)" -replace '[\s`]+', ' ').Trim() | Should -Be (($examples[$i].Words -replace '[\s`]+', ' ').Trim())
        }
    }

    It 'says what goes in and what comes out, each type with words' {
        $page = Get-Content (Join-Path (Get-RepositoryRoot) "docs/help/$Command.md") -Raw
        foreach ($section in 'INPUTS', 'OUTPUTS') {
            $parts = [regex]::Match($page, "(?ms)^## $section\n(.*?)(?=^## )").Groups[1].Value -split '(?m)^### ' | Where-Object { $_.Trim() }
            $parts | Where-Object { $_ -notmatch '\A[^\n]+\n\s*\S' } | Should -BeNullOrEmpty -Because "each of its $section has words"
        }
        $declared = (Get-Command $Command).OutputType.Name | ForEach-Object { ($_ -split '\.')[-1] } | Sort-Object -Unique
        $parts.ForEach{ (($_ -split '\n')[0].Trim() -split '\.')[-1] } | Sort-Object -Unique | Should -Be $declared
    }

    It 'names other commands and topics that are there, and its page' {
        $links = @($help.RelatedLinks.NavigationLink)
        $links[0].Uri | Should -Be "$((Get-Module MomentTools).PrivateData.PSData.ProjectUri)/blob/main/docs/help/$Command.md"
        $named = @($links | Select-Object -Skip 1)
        $named.Count | Should -BeGreaterOrEqual 2
        $named.Uri | Where-Object { $_ } | Should -BeNullOrEmpty -Because 'at the prompt there is no such file'
        $named.LinkText | Where-Object { $_ -eq $Command -or -not (Get-Help $_ -ErrorAction Ignore) } | Should -BeNullOrEmpty
    }

    It 'describes every parameter' {
        $common = [Management.Automation.PSCmdlet]::CommonParameters
        $names = (Get-Command $Command).Parameters.Keys | Where-Object { $_ -notin $common }
        foreach ($name in $names) {
            $parameter = $help.Parameters.Parameter | Where-Object Name -eq $name
            $parameter.Description.Text -join '' | Should -Not -BeNullOrEmpty -Because "-$name is one of its parameters"
        }
    }
}

Describe 'The topic <_>' -ForEach $topics {
    It 'is found' { Get-Help $_ | Out-String | Should -Match 'SHORT DESCRIPTION' }

    It 'is in the manifest' { (Import-PowerShellDataFile (Get-ManifestPath)).FileList | Should -Contain "en-US/$_.help.txt" }

    It 'fits a screen of 80 columns' {
        $lines = Get-Content (Join-Path (Get-RepositoryRoot) "docs/help/en-US/$_.help.txt")
        $lines | Where-Object Length -gt 80 | Should -BeNullOrEmpty
    }
}

Describe 'The commands in <File>' -ForEach $texts {
    BeforeAll {
        $text = Get-Content $Path -Raw
        # Blocks of text that are indented by eight, or fenced, and begin with a line that calls something.
        $blocks = $Path.EndsWith('.md') ? [regex]::Matches($text, '(?ms)^```powershell\n(.+?)^```').ForEach{ $_.Groups[1].Value } :
            [regex]::Matches($text, '(?m)(?:^(?: {8}.*)?\n)+').Value.Where{ $_ -cmatch '(?m)^ {8}(?:[''"$(A-Z@]|if |try |exit )' -and $_ -cmatch '[A-Z][a-z]+-VM' }
        # Of a session only what is typed.
        $blocks = $blocks.ForEach{ $_ -cmatch '(?m)^ {8}PS> ' ? ([regex]::Matches($_, '(?m)^ {8}PS> (.+)$').ForEach{ $_.Groups[1].Value } -join "`n") : $_ }
    }

    It 'are PowerShell, and exist' {
        $blocks | Should -Not -BeNullOrEmpty
        $blocks | ForEach-Object { Find-Mistake $_ } | Should -BeNullOrEmpty
    }
}

Describe 'The findings of Test-VMMoment' {
    It 'stand in about_MomentTools_Recovery, all of them and no other' {
        $source = Get-ChildItem (Join-Path (Get-RepositoryRoot) src/Engine) -Filter FindingIds.cs -Recurse | Get-Content -Raw
        $ids = [regex]::Matches($source, 'public const string (\w+) =').ForEach{ $_.Groups[1].Value }
        $table = Get-Content (Join-Path (Get-RepositoryRoot) docs/help/en-US/about_MomentTools_Recovery.help.txt) |
            Select-String -CaseSensitive '^    ([A-Z][A-Za-z]+[a-z][A-Z]\w+)(?: {2,}\S|$)' | ForEach-Object { $_.Matches[0].Groups[1].Value }
        $table | Sort-Object | Should -Be ($ids | Sort-Object)
        $page = Get-Content (Join-Path (Get-RepositoryRoot) docs/help/Test-VMMoment.md) |
            Select-String -CaseSensitive '^- ([A-Z]\w+[A-Z]\w+): ' | ForEach-Object { $_.Matches[0].Groups[1].Value }
        $page | Sort-Object | Should -Be ($ids | Sort-Object)
    }
}

Describe 'The help files' -Skip:(-not (Get-Module Microsoft.PowerShell.PlatyPS -ListAvailable)) {
    BeforeAll { Import-Module Microsoft.PowerShell.PlatyPS }

    It 'are pages of the present schema' { $pages | ForEach-Object { Test-MarkdownCommandHelp $_.FullName | Should -BeTrue -Because $_.Name } }

    It 'have no gaps' { $pages | Select-String '{{' | Should -BeNullOrEmpty }

    It 'are what the MAML was made of' {
        $made = New-Item -ItemType Directory "$TestDrive/maml"
        & (Join-Path (Get-RepositoryRoot) build/Docs.ps1) -Help (Join-Path (Get-RepositoryRoot) docs/help) -Destination $made.FullName | Out-Null
        $committed = Join-Path (Get-RepositoryRoot) docs/help/en-US/MomentTools.dll-Help.xml
        Get-Content "$made/MomentTools.dll-Help.xml" -Raw | Should -Be (Get-Content $committed -Raw)
    }

    It 'have the syntax of the commands' {
        foreach ($page in $pages | Import-MarkdownCommandHelp -Path { $_.FullName }) {
            $command = Get-Command $page.Title -Module MomentTools
            $known = [Management.Automation.PSCmdlet]::CommonParameters
            $page.Parameters.Name | Sort-Object | Should -Be ($command.Parameters.Keys | Where-Object { $_ -notin $known } | Sort-Object) -Because $page.Title
        }
    }
}
