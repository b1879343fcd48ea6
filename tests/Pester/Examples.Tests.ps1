# Runs the examples of the help pages, as they are printed, but for what is of another host. Those that read share one stage. Of the others
# each has its own, and a seventh has its turn each day; with MOMENTTOOLS_EXAMPLES=* every one, or those that it names.
BeforeDiscovery {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-Module $PSScriptRoot/Examples.psm1 -Force
    $examples = foreach ($page in Get-ChildItem (Join-Path (Get-RepositoryRoot) docs/help) -Filter *-*.md) {
        Get-Example $page.FullName | ForEach-Object { @{ Name = "$($page.BaseName) $($_.Number)"; Code = $_.Code } }
    }
    $shared = $examples | Where-Object { Test-Shared $_.Name $_.Code }
    $turn = 0
    $own = $examples | Where-Object { -not (Test-Shared $_.Name $_.Code) } |
        Where-Object {
            $name = $_.Name
            $env:MOMENTTOOLS_EXAMPLES ? ($env:MOMENTTOOLS_EXAMPLES -split ',').Where{ $name -like $_ } : $turn++ % 7 -eq [datetime]::UtcNow.DayOfYear % 7
        }
}

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    Import-Module $PSScriptRoot/Examples.psm1 -Force
    # What a host has not for all that: such an example cannot be run here.
    function Skip-Without([string] $Code) {
        $tools = 'nbdcopy', 'nbdinfo' | Where-Object { $Code -match $_ -and -not (Get-Command $_ -ErrorAction Ignore) }
        if ($tools) { Set-ItResult -Skipped -Because "$tools is not installed" }
    }
}

Describe 'Examples that read' -Skip:(-not (Test-Tool)) {
    BeforeAll {
        $place = New-Place
        Initialize-Stage $place -Backup
    }

    AfterAll { Remove-Place $place }

    It 'of <Name>' -ForEach $shared { Invoke-Example $Code $place | Out-String | Out-Null }
}

Describe 'Examples that change something' -Skip:(-not (Test-Tool)) {
    BeforeEach {
        $place = New-Place
        $global:printed = $null
    }

    AfterEach {
        # What is served belongs to nobody once the place is gone.
        Get-VMBlockExport -ErrorAction Ignore | Stop-VMBlockExport -Confirm:$false -ErrorAction Continue
        Get-VMDomain -ErrorAction Ignore | Get-VMBlockSnapshot -ErrorAction Ignore | Remove-VMBlockSnapshot -Confirm:$false -ErrorAction Continue
        Remove-Place $place
        if ($global:printed -is [Diagnostics.Process]) { Stop-Process $global:printed -ErrorAction Ignore }
        Remove-Variable printed -Scope Global
    }

    It 'of <Name>' -ForEach $own {
        Skip-Without $Code
        Initialize-OwnStage $place $Name $Code
        Invoke-Example $Code $place | Out-String | Out-Null
    }
}

Describe 'What is done before examples' {
    It 'is about examples that there are' {
        $names = Get-ChildItem (Join-Path (Get-RepositoryRoot) docs/help) -Filter *-*.md | ForEach-Object { $page = $_; Get-Example $page.FullName | ForEach-Object { "$($page.BaseName) $($_.Number)" } }
        Get-PreparedExample | Where-Object { $_ -notin $names } | Should -BeNullOrEmpty
    }
}
