BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe '<_>' -ForEach Get-VMMoment, Get-VMCheckpoint -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        $command = $_
        if (-not (Get-VMDomain web1 -ErrorAction Ignore)) {
            New-Machine $place | Out-Null
            'monday', 'tuesday', 'friday' | ForEach-Object { New-VMCheckpoint web1 $_ | Out-Null }
        }
    }

    It 'gives all in the order of time' {
        $moments = & $command web1
        $moments.Name | Should -Be monday, tuesday, friday
        $moments.Parent | Should -Be $null, monday, tuesday
        $moments.Health | Should -Be OK, OK, OK
        $moments | Should -BeOfType ([MomentTools.VMMoment])
    }

    It 'filters by <Parameters.Keys>' -ForEach @(
        @{ Parameters = @{ Roots = $true }; Expected = 'monday' }
        @{ Parameters = @{ Leaves = $true }; Expected = 'friday' }
        @{ Parameters = @{ NoLeaves = $true }; Expected = 'monday', 'tuesday' }
        @{ Parameters = @{ Leaves = $true; NoLeaves = $true }; Expected = 'monday', 'tuesday', 'friday' }
        @{ Parameters = @{ Current = $true }; Expected = 'friday' }
        @{ Parameters = @{ NoCurrent = $true }; Expected = 'monday', 'tuesday' }
        @{ Parameters = @{ Metadata = $true }; Expected = 'monday', 'tuesday', 'friday' }
        @{ Parameters = @{ NoMetadata = $true }; Expected = @() }
        @{ Parameters = @{ From = 'monday' }; Expected = 'tuesday' }
        @{ Parameters = @{ From = 'monday'; Descendants = $true }; Expected = 'tuesday', 'friday' }
        @{ Parameters = @{ Topological = $true }; Expected = 'monday', 'tuesday', 'friday' }
        @{ Parameters = @{ Name = '*day'; NoLeaves = $true; NoCurrent = $true }; Expected = 'monday', 'tuesday' }
        @{ Parameters = @{ Name = 't*', 'friday' }; Expected = 'tuesday', 'friday' }
    ) {
        @((& $command web1 @Parameters).Name | Where-Object { $_ }) | Should -Be @($Expected)
    }

    It 'takes the moment to start at as an object' {
        (& $command web1 -From (& $command web1 monday)).Name | Should -Be tuesday
    }

    It 'refuses filters that contradict each other' {
        { & $command web1 -Roots -From monday -ErrorAction Stop } | Should -Throw -ErrorId 'MomentFilterInvalid,*'
        { & $command web1 -Descendants -ErrorAction Stop } | Should -Throw -ErrorId 'MomentFilterInvalid,*'
    }

    It 'says that a name means nothing, and lists the others' {
        (& $command web1 mondya, friday -ErrorVariable failures -ErrorAction SilentlyContinue).Name | Should -Be friday
        $failures | Should -HaveCount 1
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'MomentNotFound,*'
        $failures[0].ErrorDetails.RecommendedAction | Should -Match monday
    }

    It 'draws the tree' {
        $lines = Get-View (& $command web1 -Tree)
        $lines | Should -Contain '   VM: web1'
        ($lines -match 'C monday').Count | Should -Be 1
        $lines -join "`n" | Should -Match '└─ C tuesday'
        $lines -join "`n" | Should -Match 'C friday \*'
        ($lines | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 80
    }

    It 'gives the same objects with -Tree' {
        $line = & $command web1 monday -Tree
        $line.PSTypeNames[0] | Should -Be 'MomentTools.VMMoment#Tree'
        $line.Name | Should -Be monday
        $line | Should -BeOfType ([MomentTools.VMCheckpoint])
    }

    It 'finds out what was written with -Size, and shows it' {
        Write-Disk "$place/web1.qcow2" 'write -P 3 0 64k'
        $moment = & $command web1 friday -Size
        $moment.Disks[0].Size | Should -Be 64KB
        $lines = Get-View $moment
        $lines[-1] | Should -Match 'friday .* 64 KiB OK'
        ($lines | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 80
    }
}

Describe 'Get-VMMoment''s kinds' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    It 'are checkpoints and snapshots' {
        (Get-VMMoment web1 -Kind Checkpoint).Name | Should -Be monday, tuesday, friday
        Get-VMMoment web1 -Kind Snapshot | Should -BeNullOrEmpty
    }

    It 'are snapshots where -<_> asks for them' -ForEach Online, Offline, DiskOnly, Internal, External {
        $filter = @{ $_ = $true }
        Get-VMMoment web1 @filter | Should -BeNullOrEmpty
    }
}
