BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place

    # Writes as the device of the guest, through whatever stands over the image.
    function Write-AsGuest([string] $VM, [string] $Command) {
        $device = (Invoke-VMQmpCommand $VM query-block | Where-Object { $_.qdev -and $_.PSObject.Properties['inserted'] })[0].qdev
        Invoke-VMQmpCommand $VM human-monitor-command @{ 'command-line' = "qemu-io -d $device `"$Command`"" } | Should -Not -Match 'fail|error'
    }
}

AfterAll { Remove-Place $place }

Describe 'New-VMBlockSnapshot of a running machine' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    BeforeAll {
        New-Disk "$place/r1.qcow2"
        New-Disk "$place/r2.raw" -Format raw
        Register-VMDomain -Xml (Get-DomainXml run "$place/r1.qcow2", "$place/r2.raw") | Out-Null
        Start-VMDomain run -Paused | Out-Null
    }

    AfterEach { Get-VMBlockSnapshot run | Remove-VMBlockSnapshot -Confirm:$false }

    It 'gives the view of all disks, with scratch files beside the images' {
        $snapshot = New-VMBlockSnapshot run tonight
        $snapshot | Should -BeOfType ([MomentTools.VMBlockSnapshot])
        $snapshot.VM, $snapshot.Name, $snapshot.State, $snapshot.Owner | Should -Be run, tonight, Ready, Machine
        $snapshot.Created | Should -BeGreaterThan ([DateTimeOffset]::Now.AddMinutes(-1))
        $snapshot.Checkpoint, $snapshot.Expires, $snapshot.Reason | Should -Be $null, $null, $null
        $snapshot.Disks.Name | Should -Be vda, vdb
        $snapshot.Disks.Method | Select-Object -Unique | Should -Be copy-before-write
        $snapshot.Disks[0].Size | Should -Be 64MB
        $snapshot.Disks[0].ScratchPath | Should -BeLike "$place/r1.*.tonight.scratch.qcow2"
        $snapshot.Disks.ScratchPath | Should -Exist
        "$snapshot" | Should -BeExactly tonight
        (Get-VMMoment run) | Should -BeNullOrEmpty
    }

    It 'keeps what is overwritten in its scratch file' {
        # What was never written needs no copy.
        Write-AsGuest run 'write -P 6 0 16M'
        $before = (New-VMBlockSnapshot run one).Disks[0].ScratchBytes
        Write-AsGuest run 'write -P 7 0 8M'
        (Get-VMBlockSnapshot run one).Disks[0].ScratchBytes | Should -BeGreaterOrEqual ($before + 8MB)
    }

    It 'breaks at its limit, and the machine goes on' {
        Write-AsGuest run 'write -P 6 0 16M'
        New-VMBlockSnapshot run small -Disk vda -ScratchLimit 4MB | Out-Null
        Write-AsGuest run 'write -P 8 0 16M'
        $broken = Get-VMBlockSnapshot run small
        $broken.State | Should -Be Broken
        $broken.Reason | Should -Not -BeNullOrEmpty
        $broken.Disks[0].ScratchLimit | Should -Be 4MB
        (Get-VMDomain run).State | Should -Be Paused
        Write-AsGuest run 'read -P 8 0 16M'
    }

    It 'takes a limit as PowerShell writes it, and as text' {
        (New-VMBlockSnapshot run a -ScratchLimit 1GB).Disks.ScratchLimit | Should -Be 1GB, 1GB
        (New-VMBlockSnapshot run b -ScratchLimit '10GB').Disks[0].ScratchLimit | Should -Be 10GB
    }

    It 'makes a name where none is given, and several at a time' {
        $first = New-VMBlockSnapshot run -Disk vda
        $second = New-VMBlockSnapshot run -Disk vda
        $first.Name | Should -BeLike 'bs-*'
        (Get-VMBlockSnapshot run).Name | Should -Be ($first.Name, $second.Name)
    }

    It 'takes a checkpoint at the same instant' {
        (New-VMBlockSnapshot run both -Disk vda -Checkpoint tuesday).Checkpoint | Should -Be tuesday
        (Get-VMCheckpoint run tuesday).Disks.Where{ $_.State -ne 'NotCovered' }.Name | Should -Be vda
        Remove-VMBlockSnapshot run both -Confirm:$false
        (Get-VMCheckpoint run).Name | Should -Be tuesday
        Test-VMMoment run | Should -BeTrue
    }

    It 'puts scratch files where it is told, from where PowerShell is' {
        New-Item -ItemType Directory "$place/scratch" | Out-Null
        Push-Location $place
        try {
            $snapshot = New-VMBlockSnapshot run there -Scratch @{ vdb = 'scratch/b.qcow2' } -ScratchDirectory ./scratch
            $snapshot.Disks[1].ScratchPath | Should -BeExactly "$place/scratch/b.qcow2"
            $snapshot.Disks[0].ScratchPath | Should -BeLike "$place/scratch/r1.*.there.scratch.qcow2"
        }
        finally { Pop-Location }
    }

    It 'says with -WhatIf where they would lie, and makes nothing' {
        $said = pwsh -NoProfile -Command "Import-Module '$(Get-ManifestPath)'; New-VMBlockSnapshot run later -ScratchDirectory '$place' -ScratchLimit 10GB -NewCheckpoint friday -Lease 1:00:00 -WhatIf"
        $said | Should -Match "'later' of vda with scratch file '$place/r1\..*\.later\.scratch\.qcow2', vdb with"
        $said | Should -Match 'at most 10 GiB, with checkpoint ''friday'', for 01:00:00'
        Get-VMBlockSnapshot run | Should -BeNullOrEmpty
        Get-ChildItem $place -Filter *later* | Should -BeNullOrEmpty
        (Get-VMCheckpoint run).Name | Should -Not -Contain friday
    }

    It 'says with -WhatIf what it would refuse' {
        New-VMBlockSnapshot run there -Disk vda | Out-Null
        { New-VMBlockSnapshot run there -WhatIf -ErrorAction Stop } | Should -Throw -ErrorId 'BlockSnapshotExists,*'
        { New-VMBlockSnapshot run later -ScratchDirectory /nosuch -WhatIf -ErrorAction Stop } | Should -Throw -ErrorId 'FileMissing,*'
    }

    It 'takes a document, and gives it back' {
        $xml = "<domainblocksnapshot><name>given</name><disk name='vda' type='file'><fleece file='$place/given.qcow2'/></disk></domainblocksnapshot>"
        $snapshot = New-VMBlockSnapshot run -Xml $xml
        $snapshot.Name, $snapshot.Disks.Name, $snapshot.Disks.ScratchPath | Should -Be given, vda, "$place/given.qcow2"
        $out = Get-VMBlockSnapshot run given -AsXml
        ([xml]$out).domainblocksnapshot.disk.scratch.file | Should -Be "$place/given.qcow2"
        Remove-VMBlockSnapshot run given -Confirm:$false
        Set-Content "$place/given.xml" $out
        (New-VMBlockSnapshot run -Path "$place/given.xml" -ScratchLimit 1GB).Disks.ScratchPath | Should -Be "$place/given.qcow2"
    }

    It 'ends with its lease, and the next command clears it' {
        $before = (Get-ChildItem $place -File).Name
        New-VMBlockSnapshot run short -Lease 0:0:1 | ForEach-Object Expires | Should -BeLessThan ([DateTimeOffset]::Now.AddSeconds(2))
        Start-Sleep -Milliseconds 1100
        (Get-VMBlockSnapshot run short).State | Should -Be Expired
        New-VMBlockSnapshot run short -Disk vda -WarningVariable said -WarningAction SilentlyContinue | ForEach-Object State | Should -Be Ready
        $said | Should -Match 'short'
        Remove-VMBlockSnapshot run short -Confirm:$false
        (Get-ChildItem $place -File).Name | Should -Be $before
    }

    It 'ends with its session' {
        $made = pwsh -NoProfile -Command "Import-Module '$(Get-ManifestPath)'; (New-VMBlockSnapshot run mine -OwnedBySession -Scratch @{ vda = '$place/mine' }).Owner"
        $made | Should -Be Session
        $left = Get-VMBlockSnapshot run mine
        $left.State, $left.Owner | Should -Be Expired, Session
        # The same file again, as a script would say every night.
        (New-VMBlockSnapshot run mine -OwnedBySession -Scratch @{ vda = "$place/mine" } -WarningAction SilentlyContinue).State | Should -Be Ready
    }

    It 'refuses <Id>' -ForEach @(
        @{ Id = 'MomentNameInvalid'; Parameters = @{ Name = '../x' } }
        @{ Id = 'MomentNameInvalid'; Parameters = @{ Name = 'x*' } }
        @{ Id = 'DiskNotInDomain'; Parameters = @{ Disk = 'vdz' } }
        @{ Id = 'DiskNamedTwice'; Parameters = @{ Disk = 'vda', 'vda' } }
        @{ Id = 'ScratchPathInvalid'; Parameters = @{ Disk = 'vda'; Scratch = @{ vdb = '/x' } } }
        @{ Id = 'ScratchFileMissing'; Parameters = @{ Scratch = @{ vda = '' } } }
        @{ Id = 'ScratchLimitInvalid'; Parameters = @{ ScratchLimit = 5 } }
        @{ Id = 'FileMissing'; Parameters = @{ ScratchDirectory = '/nosuch' } }
        @{ Id = 'PathNotFileSystem'; Parameters = @{ ScratchDirectory = 'env:x' } }
        @{ Id = 'MomentExists'; Parameters = @{ NewCheckpoint = 'tuesday' } }
        @{ Id = 'MomentNameInvalid'; Parameters = @{ NewCheckpoint = 'a b' } }
        @{ Id = 'XmlRuleBroken'; Parameters = @{ Xml = '<domainsnapshot/>' } }
        @{ Id = 'XmlMalformed'; Parameters = @{ Xml = 'x' } }
        @{ Id = 'DiskNotInDomain'; Parameters = @{ Xml = "<domainblocksnapshot><disk name='vdz'/></domainblocksnapshot>" } }
        @{ Id = 'FileMissing'; Parameters = @{ Path = '/nosuch.xml' } }
        @{ Id = 'ParameterArgumentValidationError'; Parameters = @{ Lease = [timespan]::FromTicks(30) } }
        @{ Id = 'ParameterArgumentValidationError'; Parameters = @{ Lease = [timespan]::FromHours(-1) } }
        @{ Id = 'ParameterArgumentValidationError'; Parameters = @{ ScratchLimit = 0 } }
    ) {
        $files = (Get-ChildItem $place -File).Name
        { New-VMBlockSnapshot run @Parameters -ErrorAction Stop } | Should -Throw -ErrorId "$Id,*"
        (Get-ChildItem $place -File).Name | Should -Be $files
        Get-VMBlockSnapshot run | Should -BeNullOrEmpty
    }

    It 'refuses a file that exists, and one file for two disks' {
        { New-VMBlockSnapshot run x -Scratch @{ vda = "$place/r1.qcow2" } -ErrorAction Stop } | Should -Throw -ErrorId 'FileExists,*'
        { New-VMBlockSnapshot run x -Scratch @{ vda = "$place/one"; vdb = "$place/./one" } -ErrorAction Stop } | Should -Throw -ErrorId 'ScratchPathInvalid,*'
        "$place/one" | Should -Not -Exist
    }

    It 'completes disks' {
        (TabExpansion2 'New-VMBlockSnapshot run x -Disk ').CompletionMatches.CompletionText | Should -Be vda, vdb
    }
}

Describe 'New-VMBlockSnapshot of machines of the pipeline' -Skip:(-not (Get-Command qemu-system-x86_64 -ErrorAction Ignore)) {
    It 'goes on after one that fails' {
        New-Machine $place p1 -Started | Out-Null
        New-Machine $place p2 -Started | Out-Null
        New-VMBlockSnapshot p1 x | Out-Null
        $made = Get-VMDomain p1, p2 | New-VMBlockSnapshot -Name x -ErrorAction SilentlyContinue -ErrorVariable failures
        $made.VM | Should -Be p2
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'BlockSnapshotExists,*'
        (New-VMBlockSnapshot p? many).VM | Should -Be p1, p2
    }
}

Describe 'New-VMBlockSnapshot of a stopped machine' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll { New-Machine $place cold | Out-Null }

    It 'needs no scratch file' {
        $snapshot = New-VMBlockSnapshot cold still -NewCheckpoint first
        $snapshot.State, $snapshot.Checkpoint, $snapshot.Disks.Method | Should -Be Ready, first, image
        $snapshot.Disks[0].ScratchPath | Should -BeNullOrEmpty
        (Get-VMBlockSnapshot cold).State | Should -Be Ready
        Remove-VMBlockSnapshot cold still -Confirm:$false
        Get-VMBlockSnapshot cold | Should -BeNullOrEmpty
        (Start-VMDomain cold -Paused).State | Should -Be Paused
    }
}
