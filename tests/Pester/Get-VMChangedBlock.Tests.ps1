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
