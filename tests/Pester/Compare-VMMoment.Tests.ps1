BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Compare-VMMoment' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        New-VMCheckpoint web1 monday | Out-Null
        Write-Disk "$place/web1.qcow2" 'write -P 1 1M 128k', 'write -P 2 8M 4k'
        New-VMCheckpoint web1 tuesday | Out-Null
        Write-Disk "$place/web1.qcow2" 'write -P 3 32M 64k'
        New-VMSnapshot web1 clean | Out-Null
        Write-Disk (Get-VMDomain web1).Disks[0].Path 'write -P 4 40M 64k'
        New-VMCheckpoint web1 on-main | Out-Null
        Restore-VMSnapshot web1 clean -Branch other -Confirm:$false | Out-Null
        Write-Disk (Get-VMDomain web1).Disks[0].Path 'write -P 5 48M 64k'
        New-VMCheckpoint web1 on-other | Out-Null
    }

    It 'tells how two moments are related, and how much was written between' {
        $compared = Compare-VMMoment web1 monday tuesday
        $compared | Should -BeOfType ([MomentTools.VMMomentComparison])
        $compared.VM, $compared.Disk, $compared.From, $compared.To | Should -Be web1, vda, monday, tuesday
        $compared.Relation | Should -Be Ancestor
        $compared.CommonMoment | Should -Be monday
        $compared.Bytes, $compared.DiskSize | Should -Be 192KB, 64MB
        $compared | ForEach-Object Count | Should -Be 2
        $compared.Known | Should -BeTrue
        $compared.Reason | Should -BeNullOrEmpty
    }

    It 'turns the relation round with the order, and nothing else' {
        $compared = Compare-VMMoment web1 -From tuesday -To monday
        $compared.Relation, $compared.CommonMoment, $compared.Bytes | Should -Be Descendant, monday, 192KB
    }

    It 'compares with now where nothing else is said' {
        $compared = Compare-VMMoment web1 tuesday
        $compared.To | Should -BeNullOrEmpty
        $compared.Relation, $compared.Bytes | Should -Be Ancestor, 128KB
    }

    It 'goes across branches' {
        $compared = Compare-VMMoment web1 on-main on-other
        $compared.Relation, $compared.CommonMoment, $compared.Bytes | Should -Be Related, clean, 128KB
        (Compare-VMMoment web1 on-main).Relation | Should -Be Related
    }

    It 'knows a moment that is compared with itself' {
        $compared = Compare-VMMoment web1 clean clean
        $compared.Relation, $compared.CommonMoment, $compared.Bytes | Should -Be Same, clean, 0
    }

    It 'takes moments from the pipeline' {
        $compared = Get-VMMoment web1 | Compare-VMMoment -To on-other
        $compared.From | Sort-Object | Should -Be clean, monday, on-main, on-other, tuesday
        ($compared | Where-Object From -EQ on-other).Relation | Should -Be Same
        (Get-VMCheckpoint web1 monday | Compare-VMMoment).To | Should -BeNullOrEmpty
    }

    It 'takes domains from the pipeline, and moments as objects' {
        (Get-VMDomain web1 | Compare-VMMoment -From (Get-VMMoment web1 monday) -To tuesday).Bytes | Should -Be 192KB
    }

    It 'refuses a moment of another machine, a name that means nothing, and a disk that is not there or named twice' {
        New-Machine $place other | Out-Null
        { Compare-VMMoment other (Get-VMMoment web1 monday) -ErrorAction Stop } | Should -Throw -ErrorId 'MomentOfOtherDomain,*'
        { Compare-VMMoment web1 monday nosuch -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNotFound,*'
        { Compare-VMMoment web1 monday -Disk vdz -ErrorAction Stop } | Should -Throw -ErrorId 'DiskNotInDomain,*'
        { Compare-VMMoment web1 monday -Disk vda, vda -ErrorAction Stop } | Should -Throw -ErrorId 'DiskNamedTwice,*'
    }

    It 'tells of the other disks where one is unknown' {
        New-Disk "$place/a.qcow2"
        New-Disk "$place/b.qcow2"
        New-Disk "$place/c.qcow2"
        Register-VMDomain -Xml (Get-DomainXml three "$place/a.qcow2", "$place/b.qcow2", "$place/c.qcow2") | Out-Null
        New-VMCheckpoint three first -Disk vda, vdb | Out-Null
        Write-Disk "$place/a.qcow2" 'write -P 1 0 64k'
        # Its record is thrown away behind our back.
        qemu-img bitmap --remove "$place/b.qcow2" first
        $compared = Compare-VMMoment three first
        $compared.Disk | Should -Be vda, vdb
        $compared.Known | Should -Be $true, $false
        $compared[0].Bytes | Should -Be 64KB
        $compared[1].Bytes | Should -BeNullOrEmpty
        $compared[1].Reason | Should -Match "'first'"
        $compared[1].Relation | Should -Be Ancestor
        $uncovered = Compare-VMMoment three first -Disk vdc
        $uncovered.Relation, $uncovered.Known | Should -Be NotCovered, $false
        $uncovered.Reason | Should -Match 'does not cover'
    }

    It 'is shown as a table, with what is unknown' {
        $lines = Get-View (Compare-VMMoment web1 monday tuesday)
        $lines[0] | Should -Match 'Relation\s+Common\s+Differs'
        $lines[2] | Should -Match 'web1\s+vda\s+monday\s+tuesday\s+Ancestor\s+monday\s+192 KiB'
        (Get-View (Compare-VMMoment three first))[3] | Should -Match 'vdb\s+first\s+Ancestor\s+first\s+! unknown'
    }

    It 'completes moments and disks' {
        (TabExpansion2 'Compare-VMMoment web1 mon').CompletionMatches.CompletionText | Should -Be monday
        (TabExpansion2 'Compare-VMMoment web1 monday -Disk ').CompletionMatches.CompletionText | Should -Be vda
    }
}
