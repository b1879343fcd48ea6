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
        $lines -join "`n" | Should -Match '└─ \(now'
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

Describe 'Get-VMMoment with snapshots' -Skip:(-not (Get-Command qemu-img -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place web2 | Out-Null
        $folder = (New-Item -ItemType Directory "$env:MOMENTTOOLS_HOME/domains/web2/snapshots").FullName
        $kinds = @(
            @{ Name = 'off'; State = 'shutoff'; Memory = "snapshot='no'"; Disk = "snapshot='internal'" }
            @{ Name = 'on'; State = 'running'; Memory = "snapshot='internal'"; Disk = "snapshot='internal'" }
            @{ Name = 'asleep'; State = 'paused'; Memory = "file='/m'"; Disk = "snapshot='external'" }
            @{ Name = 'disks only'; State = 'disk-snapshot'; Memory = "snapshot='no'"; Disk = "snapshot='external'" }
        )
        $time = 0
        $parent = ''
        foreach ($kind in $kinds) {
            $time++
            "<domainsnapshot><name>$($kind.Name)</name><state>$($kind.State)</state>$parent<creationTime>$time</creationTime>" +
            "<memory $($kind.Memory)/><disks><disk name='vda' $($kind.Disk)/></disks></domainsnapshot>" | Set-Content "$folder/$($kind.Name).xml"
            $parent = "<parent><name>$($kind.Name)</name></parent>"
        }
        qemu-img snapshot -c inside $place/web2.qcow2
    }

    It 'gives objects of their own' {
        $asleep = Get-VMMoment web2 asleep
        $asleep | Should -BeOfType ([MomentTools.VMSnapshot])
        $asleep.State, $asleep.Location, $asleep.Memory, $asleep.Parent | Should -Be paused, External, '/m', on
        (Get-View $asleep -Format { $input | Format-List | Out-String }) -join "`n" | Should -Match 'Location +: External'
    }

    It 'filters by <Parameters.Keys>' -ForEach @(
        @{ Parameters = @{ Online = $true }; Expected = 'on', 'asleep' }
        @{ Parameters = @{ Offline = $true }; Expected = 'off' }
        @{ Parameters = @{ DiskOnly = $true }; Expected = 'disks only' }
        @{ Parameters = @{ Internal = $true }; Expected = 'off', 'on' }
        @{ Parameters = @{ External = $true }; Expected = 'asleep', 'disks only' }
        @{ Parameters = @{ External = $true; Online = $true }; Expected = 'asleep' }
        @{ Parameters = @{ Offline = $true; DiskOnly = $true; Leaves = $true }; Expected = 'disks only' }
        @{ Parameters = @{ NoMetadata = $true }; Expected = 'inside' }
    ) {
        (Get-VMMoment web2 @Parameters).Name | Should -Be $Expected
    }

    It 'finds a snapshot inside an image that nothing else names' {
        $inside = Get-VMMoment web2 -NoMetadata
        $inside | Should -BeOfType ([MomentTools.VMSnapshot])
        $inside.Location, $inside.State, $inside.Disks[0].Name | Should -Be Internal, shutoff, vda
        $inside.Created | Should -BeGreaterThan ([datetimeoffset]::Now.AddHours(-1))
    }

    It 'names a broken file once and lists the rest' {
        'garbage' | Set-Content "$folder/broken.xml"
        try {
            (Get-VMMoment web2 -ErrorVariable failures -ErrorAction SilentlyContinue).Name | Should -Be off, on, asleep, 'disks only'
            $failures | Should -HaveCount 1
            $failures[0].FullyQualifiedErrorId | Should -BeLike 'XmlMalformed,*'
            "$($failures[0])" | Should -Match 'broken.xml'
        }
        finally { Remove-Item "$folder/broken.xml" }
    }

    It 'writes a tree without control characters into a file' {
        Get-VMMoment web2 -Tree > $place/tree.txt
        $text = Get-Content $place/tree.txt -Raw
        $text | Should -Match 'S on'
        $text | Should -Not -Match '\x1b'
    }

    It 'does not let a moment whose bitmap is gone look like one that is fine' {
        New-VMCheckpoint web2 lost | Out-Null
        qemu-img bitmap --remove $place/web2.qcow2 lost
        $lost = Get-VMMoment web2 lost
        $lost.Health | Should -Match 'not in the image any more'
        $lost.Disks[0].State | Should -Be Missing
        $lines = Get-View (Get-VMMoment web2)
        @($lines -match '^lost .*! no bitmap$') | Should -HaveCount 1
        @($lines -match '^on .* OK$') | Should -HaveCount 1
        ($lines | Measure-Object Length -Maximum).Maximum | Should -BeLessOrEqual 80
        Get-VMMoment web2 > $place/list.txt
        Get-Content $place/list.txt -Raw | Should -Not -Match '\x1b'
        $before = $PSStyle.OutputRendering
        $PSStyle.OutputRendering = 'Ansi'
        try { ($lost | Out-String) | Should -Match ([regex]::Escape("$($PSStyle.Formatting.Error)! no bitmap")) }
        finally { $PSStyle.OutputRendering = $before }
    }
}
