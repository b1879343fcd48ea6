# A value that is not legal is refused before anything happens, in words that say what is.

BeforeDiscovery {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $common = [Management.Automation.PSCmdlet]::CommonParameters
    $wrong = foreach ($command in Get-Command -Module MomentTools) {
        foreach ($parameter in $command.Parameters.Values | Where-Object Name -NotIn $common) {
            $set = $parameter.Attributes | Where-Object { $_ -is [Management.Automation.ValidateSetAttribute] }
            $range = $parameter.Attributes | Where-Object { $_ -is [Management.Automation.ValidateRangeAttribute] }
            $type = [Nullable]::GetUnderlyingType($parameter.ParameterType) ?? $parameter.ParameterType
            $case = { param($Value, $Legal) @{ Command = $command.Name; Parameter = $parameter.Name; Value = $Value; Legal = $Legal } }
            if ($set) { & $case 'nonsense' ([regex]::Escape($set.ValidValues -join ',')) }
            if ($range) { & $case ($range.MinRange - 1) "\b$($range.MinRange)\b" }
            if ($range -and $range.MaxRange -lt [int]::MaxValue) { & $case ($range.MaxRange + 1) "\b$($range.MaxRange)\b" }
            if ($type -eq [timespan]) { & $case 'nonsense' '30m, 8h'; & $case 8 '30m'; & $case '8' '30m'; & $case '-1h' '30m'; & $case '9999999d' '30m' }
            if ($type -eq [datetimeoffset]) { & $case 'nonsense' '2026-11-21 14:30' }
            if ($type -eq [long]) {
                & $case 'nonsense' '64MB'
                # Each of these became 0 or 1 where PowerShell made a number of it: and 0 may mean that there is no limit.
                foreach ($part in '0.5', '1.5', '0.0001KB', '0.00000000000000000001', 0.5, [float] 0.5, 0.5d, 1e-300) { & $case $part 'whole number of bytes.*64MB' }
                foreach ($negative in '-1', '-0.5', '-1MB', -0.5, -1e300, [bigint]::Pow(-10, 25)) { & $case $negative 'less than nothing.*64MB' }
                foreach ($many in '8192PB', '9223372036854775808', '99999999999999999999999999999999', 1e300, [decimal]::MaxValue, [ulong]::MaxValue, [bigint]::Pow(10, 40)) { & $case $many 'more bytes than can be counted.*64MB' }
                & $case ([double]::NaN) 'no number of bytes.*64MB'
            }
            if ($type -eq [int]) { & $case 'nonsense' 'Int32' }
        }
    }
}

BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'A wrong value' {
    It '<Command> -<Parameter> <Value> is told what is legal' -ForEach $wrong {
        $arguments = @{ $Parameter = $Value }
        $failure = { & $Command @arguments } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -Match '^ParameterArgument(Validation|Transformation)Error(NullNotAllowed|EmptyStringNotAllowed)?,|^CannotConvertArgument'
        $failure.Exception.Message | Should -Match $Legal
        $failure.Exception.Message | Should -Match "'$Parameter'"
    }
}

Describe 'A right value' {
    It 'may be written as people do' {
        { New-VMBlockSnapshot nosuch -Lease 30m -ScratchLimit '64 MiB' -ErrorAction Stop } | Should -Throw -ErrorId 'VMNotFound,*'
        foreach ($size in '1.5KB', '1.1GB', 1.1GB, 1536.0, 4096d, [bigint] 4096, [ulong] 4096, '9223372036854775807') {
            { New-VMBlockSnapshot nosuch -ScratchLimit $size -ErrorAction Stop } | Should -Throw -ErrorId 'VMNotFound,*'
        }
        { New-VMBlockSnapshot nosuch -Lease (New-TimeSpan -Hours 1) -ScratchLimit 64MB -ErrorAction Stop } | Should -Throw -ErrorId 'VMNotFound,*'
        { Remove-VMSnapshot nosuch x -UndoFor 0 -ErrorAction Stop } | Should -Throw -ErrorId 'VMNotFound,*'
        { Restore-VMBackup nosuch ./none -Until '2026-11-21 14:30' -Destination ./new -ErrorAction Stop } | Should -Throw -ErrorId 'BackupRepositoryMissing,*'
        { Restore-VMBackup nosuch ./none -Until (Get-Date).AddHours(-2) -Destination ./new -ErrorAction Stop } | Should -Throw -ErrorId 'BackupRepositoryMissing,*'
    }
}
