BeforeDiscovery {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $commands = (Get-Command -Module MomentTools).Name | ForEach-Object { @{ Command = $_ } }
    # In a session without input, where PowerShell does not ask for what is missing but says so.
    $script = "Import-Module '$(Get-ManifestPath)'; Import-Module '$PSScriptRoot/ParameterSets.psm1'; ConvertTo-Json @(Get-Command -Module MomentTools | ForEach-Object { Find-SetTrouble `$_ })"
    $found = @(pwsh -NoProfile -NonInteractive -Command $script | ConvertFrom-Json)
    $commands | ForEach-Object { $name = $_.Command; $_.Trouble = @($found | Where-Object Command -EQ $name | ForEach-Object { "$($_.Set) $($_.How): $($_.Got) $($_.Words)" }) }
}

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'The parameter sets' {
    It 'of <Command> are told apart by name, position and pipeline, and what is forgotten is named' -ForEach $commands { $Trouble | Should -BeNullOrEmpty }

    It 'are looked at by something that finds a clash' {
        $script = "Import-Module '$(Get-ManifestPath)'; Import-Module '$PSScriptRoot/ParameterSets.psm1'
            function Get-Clash {
                [CmdletBinding(DefaultParameterSetName = 'C')]
                param([Parameter(Mandatory, ParameterSetName = 'A')][Parameter(Mandatory, ParameterSetName = 'B')]`$X, [Parameter(Mandatory, ParameterSetName = 'A')]`$Y, [Parameter(Mandatory, ParameterSetName = 'B')]`$Z,
                    [Parameter(Mandatory, ParameterSetName = 'C')]`$W)
            }
            (Find-SetTrouble (Get-Command Get-Clash)).Got"
        pwsh -NoProfile -NonInteractive -Command $script | Should -Contain AmbiguousParameterSet
    }
}

Describe 'Too little or too much' {
    It 'is said in plain words: <Line>' -ForEach @(
        @{ Line = 'Restore-VMBackup web1 ./repo'; Id = 'ParameterMissing'; Words = 'not said where to' }
        @{ Line = 'Restore-VMBackup web1 ./repo -AsDomain web2'; Id = 'ParameterMissing'; Words = 'not said where to' }
        @{ Line = 'Restore-VMBackup web1 ./repo -Destination ./new -Instant'; Id = 'ParameterMissing'; Words = 'no name for the new domain' }
        @{ Line = 'Restore-VMBackup -Repository ./repo -Destination ./new'; Id = 'ParameterMissing'; Words = 'of which machine' }
        @{ Line = 'Restore-VMBackup -Repository ./repo -Move'; Id = 'ParameterMissing'; Words = 'which machine' }
        @{ Line = 'Restore-VMBackup web1 ./repo -InPlace -Destination ./new'; Id = 'ParametersExclude'; Words = '-InPlace' }
        @{ Line = 'Restore-VMBackup web1 ./repo -Destination ./new -Move'; Id = 'ParametersExclude'; Words = 'add -Instant' }
        @{ Line = '[MomentTools.VMBackup]@{ VM = "x" } | Restore-VMBackup -AsDomain web2 -Move'; Id = 'ParametersExclude'; Words = 'add -Instant' }
        @{ Line = 'Restore-VMBackup web1 ./repo -Destination ./new -AsDomain web2 -Instant -Format raw'; Id = 'ParametersExclude'; Words = '-Format' }
        @{ Line = 'Remove-VMBackup web1 ./repo'; Id = 'ParameterMissing'; Words = '-KeepLast' }
        @{ Line = 'Remove-VMBackup web1 ./repo -Id x -KeepLast 3'; Id = 'ParametersExclude'; Words = '-KeepLast' }
        @{ Line = 'Remove-VMBackup web1 ./repo -KeepLast 3 -Merge'; Id = 'ParametersExclude'; Words = '-Merge' }
        @{ Line = 'Remove-VMSnapshot web1'; Id = 'ParameterMissing'; Words = '-Name' }
        @{ Line = '"web1" | Remove-VMSnapshot'; Id = 'ParameterMissing'; Words = '-Name' }
        @{ Line = 'Get-VMChangedBlock web1'; Id = 'ParameterMissing'; Words = '-Since' }
        @{ Line = '"web1" | Get-VMChangedBlock'; Id = 'ParameterMissing'; Words = '-Since' }
    ) {
        $failure = { Invoke-Expression $Line } | Should -Throw -ErrorId "$Id,*" -PassThru
        "$($failure.Exception.Message) $($failure.ErrorDetails.RecommendedAction)" | Should -Match ([regex]::Escape($Words))
        './new' | Should -Not -Exist
    }
}
