BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'New-VMSnapshot of a <_> machine' -ForEach stopped, running -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        $vm = "s-$_"
        $state = $_
        New-Machine $place $vm -Started:($_ -eq 'running') | Out-Null
    }

    It 'gives the snapshot, and the machine works on a new layer' {
        $snapshot = New-VMSnapshot $vm 'clean state' -DiskOnly -Description 'before the update'
        $snapshot | Should -BeOfType ([MomentTools.VMSnapshot])
        $snapshot.VM | Should -Be $vm
        $snapshot.Name | Should -BeExactly 'clean state'
        $snapshot.Kind | Should -Be Snapshot
        $snapshot.Parent | Should -BeNullOrEmpty
        $snapshot.Current | Should -BeTrue
        $snapshot.Description | Should -Be 'before the update'
        $snapshot.State | Should -Be $(if ($state -eq 'running') { 'disk-snapshot' } else { 'shutoff' })
        $snapshot.Location | Should -Be External
        $snapshot.Memory | Should -BeNullOrEmpty
        $snapshot.Disks.Name | Should -Be vda
        $snapshot.Health | Should -Be OK
        (Get-VMDomain $vm).Disks[0].Path | Should -BeLike "$place/$vm.*.clean state.qcow2"
        Test-VMMoment $vm | Should -BeTrue
    }

    It 'makes the next one its child, and the checkpoint after it' {
        (New-VMSnapshot $vm second -DiskOnly).Parent | Should -Be 'clean state'
        (New-VMCheckpoint $vm tuesday).Parent | Should -Be second
        Get-VMChangedBlock $vm -From 'clean state' -To tuesday | Should -BeNullOrEmpty
    }

    It 'keeps it inside the images with -Internal' {
        $snapshot = New-VMSnapshot $vm inside -Internal
        $snapshot.Location | Should -Be Internal
        $before = (Get-VMDomain $vm).Disks[0].Path
        $before | Should -BeLike '*second.qcow2'
        qemu-img snapshot -U -l $before | Out-String | Should -Match inside
    }

    It 'makes a name where none is given' {
        (New-VMSnapshot $vm -DiskOnly).Name | Should -BeLike 'snap-*'
    }

    It 'keeps no moment with -NoMetadata' {
        (New-VMSnapshot $vm theirs -DiskOnly -NoMetadata).Name | Should -Be theirs
        (Get-VMMoment $vm).Name | Should -Not -Contain theirs
        Test-VMMoment $vm | Should -BeTrue
    }

    It 'touches nothing with -WhatIf' {
        $path = (Get-VMDomain $vm).Disks[0].Path
        New-VMSnapshot $vm friday -WhatIf | Should -BeNullOrEmpty
        (Get-VMMoment $vm).Name | Should -Not -Contain friday
        (Get-VMDomain $vm).Disks[0].Path | Should -BeExactly $path
    }

    It 'says what a new layer puts out of reach, with -WhatIf and when it is taken' {
        $inner = "inner$([guid]::NewGuid().ToString('N').Substring(0, 8))"
        New-Machine $place $inner | Out-Null
        New-VMSnapshot $inner inside -Internal | Out-Null
        $module = Get-ManifestPath
        $said = pwsh -NoProfile -Command "Import-Module $module; New-VMSnapshot $inner outside -WhatIf; New-VMSnapshot $inner more -Internal -WhatIf"
        $said[0] | Should -BeLike "*Take snapshot 'outside', which puts out of reach what lies inside the images: snapshot 'inside'*"
        $said[1] | Should -Not -Match reach
        (New-VMSnapshot $inner outside -WarningVariable warned 3>$null).Name | Should -Be outside
        "$warned" | Should -Match "snapshot 'inside'"
    }

    It 'refuses a name that is taken, or not safe' {
        { New-VMSnapshot $vm second -DiskOnly -ErrorAction Stop } | Should -Throw -ErrorId 'MomentExists,*'
        { New-VMSnapshot $vm '../x' -DiskOnly -ErrorAction Stop } | Should -Throw -ErrorId 'MomentNameInvalid,*'
    }

    It 'refuses a disk that the machine has not, and switches that exclude each other' {
        $failure = { New-VMSnapshot $vm friday -Disk vdz -ErrorAction Stop } | Should -Throw -PassThru
        $failure.FullyQualifiedErrorId | Should -BeLike 'DiskNotInDomain,*'
        $failure.ErrorDetails.RecommendedAction | Should -Match vda
        { New-VMSnapshot $vm friday -DiskOnly -Memory -ErrorAction Stop } | Should -Throw -ErrorId 'SnapshotOptionsExclusive,*'
    }

    It 'puts files where it is told, from where PowerShell is' {
        Push-Location $place
        try {
            New-Item -ItemType Directory "$place/layers-$state" | Out-Null
            New-VMSnapshot $vm there -DiskOnly -Overlay @{ vda = "layers-$state/own.qcow2" } | Out-Null
            (Get-VMDomain $vm).Disks[0].Path | Should -BeExactly "$place/layers-$state/own.qcow2"
            New-VMSnapshot $vm then -DiskOnly -Prefix "./layers-$state/p-" | Out-Null
            (Get-VMDomain $vm).Disks[0].Path | Should -BeExactly "$place/layers-$state/p-vda.then.qcow2"
            { New-VMSnapshot $vm never -DiskOnly -Overlay @{ vda = "layers-$state/own.qcow2" } -ErrorAction Stop } | Should -Throw -ErrorId 'FileExists,*'
            { New-VMSnapshot $vm never -DiskOnly -Overlay @{ vda = $null } -ErrorAction Stop } | Should -Throw -ErrorId 'OverlayFileMissing,*'
        }
        finally { Pop-Location }
    }
}

Describe 'New-VMSnapshot with memory' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    It 'is what a machine that runs gets without a switch, and it runs on' {
        New-Machine $place mem | Out-Null
        Start-VMDomain mem | Out-Null
        $snapshot = New-VMSnapshot mem whole
        $snapshot.State | Should -Be running
        $snapshot.Memory | Should -BeLike "$place/mem.*.whole.memory"
        (Get-Item $snapshot.Memory).Length | Should -BeGreaterThan 10000
        (Get-VMDomain mem).State | Should -Be Running
        (New-VMSnapshot mem live -Live -MemoryPath "$place/live.memory").Memory | Should -BeExactly "$place/live.memory"
        (New-VMSnapshot mem last -Halt).State | Should -Be running
        (Get-VMDomain mem).State | Should -Be Stopped
        { New-VMSnapshot mem none -Memory -ErrorAction Stop } | Should -Throw -ErrorId 'SnapshotMemoryImpossible,*'
    }
}

Describe 'New-VMSnapshot from a document' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Disk "$place/d1.qcow2"
        New-Disk "$place/d2.raw" -Format raw
        Register-VMDomain -Xml (Get-DomainXml doc "$place/d1.qcow2", "$place/d2.raw") | Out-Null
    }

    It 'reads it from a file' {
        Set-Content "$place/s.xml" "<domainsnapshot><name>from a file</name><disks><disk name='vda' snapshot='no'/></disks></domainsnapshot>"
        $snapshot = New-VMSnapshot doc -Path "$place/s.xml"
        $snapshot.Name | Should -Be 'from a file'
        ($snapshot.Disks | Where-Object State -NE NotCovered).Name | Should -Be vdb
        $disk = (Get-VMDomain doc).Disks | Where-Object Name -EQ vdb
        $disk.Path | Should -BeLike "$place/d2.*.from a file.qcow2"
        $disk.Format | Should -Be qcow2
    }

    It 'takes over a description with -Redefine, and does nothing else' {
        $xml = "<domainsnapshot><name>old</name><creationTime>1600000000</creationTime><state>shutoff</state><disks><disk name='vda' snapshot='internal'/></disks></domainsnapshot>"
        $path = (Get-VMDomain doc).Disks[0].Path
        (New-VMSnapshot doc -Xml $xml -Redefine -Current).Current | Should -BeTrue
        (Get-VMDomain doc).Disks[0].Path | Should -BeExactly $path
        { New-VMSnapshot doc -Xml $xml -Redefine -Halt -ErrorAction Stop } | Should -Throw -ErrorId 'SnapshotOptionsExclusive,*'
    }
}

Describe 'New-VMSnapshot of machines of the pipeline' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    It 'goes on after one that fails' {
        New-Machine $place p1 | Out-Null
        New-Machine $place p2 | Out-Null
        New-VMSnapshot p1 x | Out-Null
        $made = Get-VMDomain p1, p2 | New-VMSnapshot -Name x -ErrorAction SilentlyContinue -ErrorVariable failures
        $made.VM | Should -Be p2
        $failures.Count | Should -Be 1
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'MomentExists,*'
    }
}
