BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Backup-VMDomain' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        New-Machine $place | Out-Null
        Write-Disk "$place/web1.qcow2" 'write -P 1 0 1M'
        Set-Location $place
    }

    It 'touches nothing with -WhatIf' {
        Backup-VMDomain web1 -Repository ./repo -WhatIf | Should -BeNullOrEmpty
        './repo' | Should -Not -Exist
    }

    It 'refuses an increment where there is nothing to build on' {
        { Backup-VMDomain web1 ./repo -Incremental -ErrorAction Stop } | Should -Throw -ErrorId 'BackupChainUnproven,*'
    }

    It 'stores everything first, and says why' {
        $backup = Backup-VMDomain web1 -Repository ./repo
        $backup | Should -BeOfType ([MomentTools.VMBackup])
        $backup.Kind | Should -Be Full
        $backup.Parent | Should -BeNullOrEmpty
        $backup.Repository | Should -Be "$place/repo"
        $backup.Disks.Reason | Should -Not -BeNullOrEmpty
        $backup.Size | Should -BeGreaterThan 1MB
        (Get-VMCheckpoint web1 -Current).Name | Should -Be $backup.Checkpoint
    }

    It 'stores what changed next' {
        Write-Disk "$place/web1.qcow2" 'write -P 2 2M 64k'
        $backup = Get-VMDomain web1 | Backup-VMDomain -Repository ./repo -Incremental -Compress
        $backup.Kind | Should -Be Incremental
        $backup.Disks.CopiedBytes | Should -Be 64KB
        $backup.Parent | Should -Be (Get-VMBackup web1 ./repo)[0].Id
    }

    It 'stores everything where it is asked to' {
        (Backup-VMDomain web1 ./repo -Full -SpeedLimit 1GB).Kind | Should -Be Full
    }

    It 'stores what changed since a backup that is named, with why' {
        $full = (Get-VMBackup web1 ./repo)[-1]
        Write-Disk "$place/web1.qcow2" 'write -P 3 4M 64k'
        Backup-VMDomain web1 ./repo -Incremental | Out-Null
        Write-Disk "$place/web1.qcow2" 'write -P 4 6M 64k'
        $backup = Backup-VMDomain web1 ./repo -Differential -Description 'before the upgrade'
        $backup.Kind, $backup.Description | Should -Be Differential, 'before the upgrade'
        $backup.DependsOn | Should -Be $full.Id
        $backup.Disks.CopiedBytes | Should -Be 128KB
        (Backup-VMDomain web1 ./repo -Differential -Since $full.Checkpoint).DependsOn | Should -Be $full.Id
        (Get-VMBackup web1 ./repo -Id $backup.Id).Description | Should -Be 'before the upgrade'
        { Backup-VMDomain web1 ./repo -Differential -Since nosuch -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNotFound,*'
    }

    It 'stores a copy that nothing stands on' {
        $newest = (Get-VMBackup web1 ./repo)[-1]
        $checkpoints = (Get-VMCheckpoint web1).Name
        $copy = Backup-VMDomain web1 ./repo -Copy
        $copy.Kind | Should -Be Copy
        $copy.Checkpoint | Should -BeNullOrEmpty
        (Get-VMCheckpoint web1).Name | Should -Be $checkpoints
        (Backup-VMDomain web1 ./repo).DependsOn | Should -Be $newest.Id
        { Backup-VMDomain web1 ./repo -Differential -Since $copy.Id -ErrorAction Stop } | Should -Throw -ErrorId 'BackupSinceCopy,*'
    }

    It 'takes a document of libvirt' {
        $newest = (Get-VMBackup web1 ./repo)[-1]
        $backup = Backup-VMDomain web1 ./repo -Xml "<domainbackup><incremental>$($newest.Checkpoint)</incremental><disks><disk name='vda' type='file'/></disks></domainbackup>"
        $backup.DependsOn | Should -Be $newest.Id
        Set-Content ./backup.xml "<domainbackup mode='push'/>"
        (Backup-VMDomain web1 ./repo -Path ./backup.xml).Kind | Should -Be Full
        { Backup-VMDomain web1 ./repo -Xml "<domainbackup><disks><disk name='vda' type='file'><target file='/x'/></disk></disks></domainbackup>" -ErrorAction Stop } | Should -Throw -ErrorId 'BackupDocumentUnsupported,*'
    }

    It 'takes a pull of a stopped machine, and says that it is a push' {
        $said = Backup-VMDomain web1 ./repo -Pull -Verbose 4>&1
        ($said | Where-Object { $_ -is [MomentTools.VMBackup] }).Mode | Should -Be push
        $said -match 'stopped' | Should -Not -BeNullOrEmpty
    }

    It 'says what it would do' {
        $shell = [powershell]::Create()
        try {
            $shell.AddScript("Start-Transcript '$place/whatif.txt' | Out-Null; Import-Module '$(Get-ManifestPath)'; Backup-VMDomain web1 -Repository '$place/repo' -Differential -Pull -Disk vda -WhatIf; Stop-Transcript | Out-Null").Invoke() | Should -BeNullOrEmpty
            Get-Content ./whatif.txt -Raw | Should -Match 'Back up what changed since the last full backup of vda, by pull, to'
        }
        finally { $shell.Dispose() }
    }

    It 'shows how far it is, and takes the bar away' {
        $shell = [powershell]::Create()
        try {
            $shell.AddScript("Import-Module '$(Get-ManifestPath)'; Backup-VMDomain web1 -Repository '$place/repo' -Full -SpeedLimit 64MB").Invoke() | Should -HaveCount 1
            $ours = @($shell.Streams.Progress | Where-Object Activity -Match web1)
            $ours.Count | Should -BeGreaterThan 1
            $ours[-1].RecordType | Should -Be Completed
            ($ours | Where-Object RecordType -eq Processing).PercentComplete | ForEach-Object { $_ | Should -BeIn (-1..100) }
        }
        finally { $shell.Dispose() }
    }

    It 'does not take kinds together, nor -Since without -Differential' {
        { Backup-VMDomain web1 ./repo -Full -Incremental } | Should -Throw -ErrorId 'AmbiguousParameterSet,*'
        { Backup-VMDomain web1 ./repo -Copy -Since x } | Should -Throw -ErrorId 'AmbiguousParameterSet,*'
        { Backup-VMDomain web1 ./repo -Xml '<domainbackup/>' -Disk vda } | Should -Throw -ErrorId 'AmbiguousParameterSet,*'
    }

    It 'leaves nothing behind when it is stopped' {
        Write-Disk "$place/web1.qcow2" 'write -P 5 0 64M'
        $before = (Get-ChildItem ./repo/web1 -Directory).Name
        $shell = [powershell]::Create([runspacefactory]::CreateRunspace())
        try {
            $shell.Runspace.Open()
            $shell.AddScript("Import-Module '$(Get-ManifestPath)'; Backup-VMDomain web1 -Repository '$place/repo' -SpeedLimit 1MB").BeginInvoke() | Out-Null
            while (-not (Get-ChildItem ./repo/web1 -Force -Directory | Where-Object Name -Like '*.partial')) { Start-Sleep -Milliseconds 20 }
            $shell.Stop()
        }
        finally { $shell.Runspace.Dispose(); $shell.Dispose() }
        (Get-ChildItem ./repo/web1 -Force -Directory).Name | Should -Be $before
        (Backup-VMDomain web1 ./repo).Kind | Should -Be Incremental
    }
}
