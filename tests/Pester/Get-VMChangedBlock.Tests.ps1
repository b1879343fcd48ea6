BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Get-VMChangedBlock' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        New-VMCheckpoint web1 monday | Out-Null
        Write-Disk "$place/web1.qcow2" 'write -P 1 1M 128k', 'write -P 2 8M 4k'
        New-VMCheckpoint web1 tuesday | Out-Null
        Write-Disk "$place/web1.qcow2" 'write -P 3 32M 64k'
    }

    It 'gives the runs that were written, in order' {
        $blocks = Get-VMChangedBlock web1 -Since monday
        $blocks | Should -BeOfType ([MomentTools.VMChangedBlock])
        $blocks.Offset | Should -Be 1MB, 8MB, 32MB
        $blocks | ForEach-Object Length | Should -Be 128KB, 64KB, 64KB
        $blocks.Kind | Select-Object -Unique | Should -Be Data
        $blocks.VM | Select-Object -Unique | Should -Be web1
    }

    It 'takes the moment by position, and as an object' {
        (Get-VMChangedBlock web1 tuesday).Offset | Should -Be 32MB
        (Get-VMChangedBlock web1 -Since (Get-VMCheckpoint web1 tuesday)).Offset | Should -Be 32MB
    }

    It 'takes moments from the pipeline, and measures' {
        $measures = Get-VMCheckpoint web1 | Get-VMChangedBlock -Measure
        $measures | Should -BeOfType ([MomentTools.VMChangedBlockMeasure])
        $measures.Since | Should -Be monday, tuesday
        $measures.Bytes | Should -Be 256KB, 64KB
        $measures | ForEach-Object Count | Should -Be 3, 1
        $measures[0].DiskSize | Should -Be 64MB
    }

    It 'gives what was written between two moments, whichever is older' {
        $blocks = Get-VMChangedBlock web1 -From monday -To tuesday
        $blocks.Offset | Should -Be 1MB, 8MB
        $blocks.Kind | Select-Object -Unique | Should -Be Written
        (Get-VMChangedBlock web1 -From (Get-VMCheckpoint web1 tuesday) -To monday).Offset | Should -Be 1MB, 8MB
        Get-VMChangedBlock web1 -From monday -To monday | Should -BeNullOrEmpty
    }

    It 'measures between two moments' {
        $measure = Get-VMDomain web1 | Get-VMChangedBlock -From tuesday -To monday -Measure
        $measure.Since, $measure.To | Should -Be tuesday, monday
        $measure.Bytes, $measure.DiskSize | Should -Be 192KB, 64MB
        (Get-VMChangedBlock web1 monday -Measure).To | Should -BeNullOrEmpty
    }

    It 'wants both ends of what lies between' {
        { Get-VMChangedBlock web1 -Since monday -To tuesday } | Should -Throw -ErrorId 'AmbiguousParameterSet,*'
        { Get-VMChangedBlock web1 -From monday -To nosuch -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNotFound,*'
    }

    It 'takes domains from the pipeline' { (Get-VMDomain | Get-VMChangedBlock -Since tuesday).Offset | Should -Be 32MB }

    It 'stops early where the pipeline has enough' {
        (Get-VMChangedBlock web1 -Since monday | Select-Object -First 1).Offset | Should -Be 1MB
    }

    It 'says that a moment or a disk means nothing' {
        { Get-VMChangedBlock web1 -Since nosuch -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNotFound,*'
        { Get-VMChangedBlock web1 -Since monday -Disk vdz -ErrorAction Stop } | Should -Throw -ErrorId 'Disk*'
    }

    It 'refuses a moment of another domain' {
        New-Machine $place other | Out-Null
        { Get-VMChangedBlock other -Since (Get-VMCheckpoint web1 monday) -ErrorAction Stop } | Should -Throw -ErrorId 'MomentOfOtherDomain,*'
    }
}

Describe 'Get-VMChangedBlock with content' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place reader | Out-Null
        Write-Disk "$place/reader.qcow2" 'write -P 9 2M 64k'
        New-VMCheckpoint reader monday | Out-Null
        Write-Disk "$place/reader.qcow2" 'write -P 1 1M 128k', 'write -z 2M 64k'
        New-VMCheckpoint reader tuesday | Out-Null
        Write-Disk "$place/reader.qcow2" 'write -P 3 32M 64k'

        # The first and the last byte, and how many there are.
        function Read-Block($Block) {
            $stream = $Block.OpenRead()
            $copy = [System.IO.MemoryStream]::new()
            try { $stream.CopyTo($copy) } finally { $stream.Dispose() }
            $bytes = $copy.ToArray()
            $bytes[0], $bytes[-1], $bytes.Length
        }
    }

    It 'opens each block as a stream' {
        $blocks = Get-VMChangedBlock reader -Since monday -Read
        $blocks.Offset | Should -Be 1MB, 2MB, 32MB
        $blocks.Kind | Should -Be Data, Zero, Data
        $blocks.CanRead | Should -Be $true, $true, $true
        Read-Block $blocks[0] | Should -Be 1, 1, 128KB
        Read-Block $blocks[1] | Should -Be 0, 0, 64KB
        Read-Block $blocks[2] | Should -Be 3, 3, 64KB
    }

    It 'reads in the pipeline, which may have enough early' {
        Get-VMChangedBlock reader -Since monday -Read | ForEach-Object { (Read-Block $_)[0] } | Should -Be 1, 0, 3
        (Read-Block (Get-VMChangedBlock reader -Since tuesday -Read | Select-Object -First 1))[0] | Should -Be 3
    }

    It 'gives no content where none was asked for, or none is kept' {
        $block = Get-VMChangedBlock reader -Since tuesday
        $block.CanRead | Should -BeFalse
        { $block.OpenRead() } | Should -Throw '*without its content*'
        { Get-VMChangedBlock reader -From monday -To tuesday -Read -ErrorAction Stop } | Should -Throw -ErrorId 'ChangedContentNotKept,*'
        { Get-VMChangedBlock reader -Since monday -Read -Measure } | Should -Throw -ErrorId 'ReadWithMeasure,*'
        { Get-VMChangedBlock reader -From monday -To tuesday -Snapshot x } | Should -Throw -ErrorId 'AmbiguousParameterSet,*'
    }

    It 'gives blocks up to a block snapshot, with their content' {
        New-VMBlockSnapshot reader tonight | Out-Null
        try {
            $blocks = Get-VMChangedBlock reader -Since monday -Snapshot tonight -Read
            $blocks.Offset | Should -Be 1MB, 2MB, 32MB
            Read-Block $blocks[2] | Should -Be 3, 3, 64KB
            (Get-VMCheckpoint reader tuesday | Get-VMChangedBlock -BlockSnapshot tonight).Offset | Should -Be 32MB
            $measure = Get-VMChangedBlock reader monday -Snapshot tonight -Measure
            $measure.Since, $measure.To, $measure.Bytes | Should -Be monday, tonight, 256KB
        }
        finally { Remove-VMBlockSnapshot reader tonight -Confirm:$false }
        { $blocks[2].OpenRead() } | Should -Throw '*is gone*'
        { Get-VMChangedBlock reader -Since monday -Snapshot tonight -ErrorAction Stop } | Should -Throw -ErrorId 'BlockSnapshotNotFound,*'
    }

    It 'gives what was asked for or nothing' {
        $block = Get-VMChangedBlock reader -Since tuesday -Read
        Write-Disk "$place/reader.qcow2" 'write -P 4 32M 64k'
        { $block.OpenRead() } | Should -Throw '*not any more what it was*'
        Read-Block (Get-VMChangedBlock reader -Since tuesday -Read) | Should -Be 4, 4, 64KB
    }

    It 'unites, intersects and subtracts' {
        $first = Get-VMChangedBlock reader -From monday -To tuesday
        $all = Get-VMChangedBlock reader -Since monday
        [MomentTools.VMChangedBlock]::Subtract($all, $first).Offset | Should -Be 32MB
        [MomentTools.VMChangedBlock]::Intersect($all, $first).Offset | Should -Be 1MB, 2MB
        [MomentTools.VMChangedBlock]::Union($null, $first).Offset | Should -Be $first.Offset
        $other = Get-VMChangedBlock web1 -Since monday
        { [MomentTools.VMChangedBlock]::Union($all, $other) } | Should -Throw '*an offset means another thing*'
    }
}
