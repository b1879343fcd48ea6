# What only a real prompt shows: the rest is in tests/Unit/Hosting.
BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Completion at a prompt' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place web1 | Out-Null
        New-Machine $place other | Out-Null
        New-VMCheckpoint web1 monday | Out-Null
        New-VMSnapshot web1 clean | Out-Null
        New-VMCheckpoint other tuesday | Out-Null
        function Complete([string] $Line) { @((TabExpansion2 $Line).CompletionMatches.CompletionText) }
    }

    It 'of <Line> offers <Expected>' -ForEach @(
        @{ Line = 'Get-VMDomain other | Get-VMCheckpoint -Name '; Expected = 'tuesday' }
        @{ Line = '$machine | Get-VMCheckpoint -Name '; Expected = 'tuesday' }
        @{ Line = 'Get-VMCheckpoint $machine '; Expected = 'tuesday' }
        @{ Line = '$machines[0] | Get-VMCheckpoint -Name '; Expected = 'monday', 'tuesday' }
        @{ Line = 'Get-VMMoment web1 monday,'; Expected = 'clean' }
        @{ Line = 'Get-VMCheckpoint web1 '; Expected = 'monday' }
        @{ Line = 'Get-VMChangedBlock web1 -From clean -To '; Expected = 'monday' }
        @{ Line = 'Merge-VMSnapshot web1 '; Expected = 'clean' }
        @{ Line = 'Get-VMMoment web1 snapshot:'; Expected = 'snapshot:clean' }
    ) {
        $global:machine = Get-VMDomain other
        $global:machines = Get-VMDomain
        try { Complete $Line | Sort-Object | Should -Be ($Expected | Sort-Object) }
        finally { Remove-Variable machine, machines -Scope Global }
    }

    It 'tells kind, time and size' {
        $tip = (TabExpansion2 'Get-VMMoment web1 mon').CompletionMatches[0].ToolTip
        $tip | Should -Match '^checkpoint of web1, \d{4}-\d\d-\d\d \d\d:\d\d, 64 MiB on 1 disk$'
        (TabExpansion2 'New-VMCheckpoint web1 x -Disk ').CompletionMatches[0].ToolTip | Should -BeLike 'qcow2 disk of web1, 64 MiB: *'
    }

    It 'is the same under a prefix' {
        $script = "Import-Module '$(Get-ManifestPath)' -Prefix Q; (TabExpansion2 'Get-QVMCheckpoint web1 ').CompletionMatches.CompletionText"
        pwsh -NoProfile -NonInteractive -Command $script | Should -Be monday
    }

    It 'does not wait for a machine that has stopped answering' {
        $domain = Start-VMDomain web1 -Paused
        /bin/kill -STOP $domain.ProcessId
        try {
            Complete 'Get-VMMoment web1 ' | Should -Be clean, monday
            Complete 'Get-VMChangedBlock web1 -Since ' | Should -Be clean, monday
            Complete 'New-VMCheckpoint web1 x -Disk ' | Should -Be vda
            Complete 'Switch-VMBranch web1 ' | Where-Object { $_ -eq 'main' } | Should -BeNullOrEmpty
        }
        finally {
            /bin/kill -CONT $domain.ProcessId
            Stop-VMDomain web1 -Force | Out-Null
        }
    }
}
