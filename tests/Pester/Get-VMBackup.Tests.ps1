BeforeAll {
    Import-Module $PSScriptRoot/Support.psm1 -Force
    Import-ModuleUnderTest
    $place = New-Place
}

AfterAll { Remove-Place $place }

Describe 'Get-VMBackup' -Skip:(-not (Get-Command qemu-storage-daemon -ErrorAction Ignore)) {
    BeforeAll {
        Set-Location $place
        'web1', 'web2' | ForEach-Object { New-Machine $place $_ | Out-Null }
        $first = Backup-VMDomain web1 ./repo
        $second = Backup-VMDomain web1 ./repo
        Backup-VMDomain web2 ./repo | Out-Null
    }

    It 'gives all, oldest first' {
        $all = Get-VMBackup -Repository ./repo
        $all | Should -HaveCount 3
        $all[0].Id | Should -Be $first.Id
        $all.Created | Should -Be ($all.Created | Sort-Object)
    }

    It 'gives those of a machine: by name, by pattern, by object' {
        (Get-VMBackup web1 ./repo).Id | Should -Be $first.Id, $second.Id
        Get-VMBackup web* ./repo | Should -HaveCount 3
        (Get-VMDomain web1 | Get-VMBackup -Repository ./repo).Id | Should -Be $first.Id, $second.Id
    }

    It 'gives one by its id' { (Get-VMBackup -Repository ./repo -Id $second.Id).Parent | Should -Be $first.Id }

    It 'needs no machine to be known' {
        $home_ = $env:MOMENTTOOLS_HOME
        $env:MOMENTTOOLS_HOME = "$place/elsewhere"
        try { (Get-VMBackup web1 ./repo).Id | Should -Be $first.Id, $second.Id }
        finally { $env:MOMENTTOOLS_HOME = $home_ }
    }

    It 'says what stands on what' {
        $all = Get-VMBackup web1 ./repo
        $all[0].Dependents | Should -Be $second.Id
        $all[1].DependsOn | Should -Be $first.Id
        $all.Chain | Should -Be $first.Id, $first.Id
        $all[1].Disks.ParentId | Should -Be $first.Id
    }

    It 'draws the tree, in 80 columns' {
        $tree = Get-VMBackup -Repository ./repo -Tree
        $tree[1] | Should -BeOfType ([MomentTools.VMBackup])
        ($tree | Where-Object VM -eq web1).Tree | Should -Be $first.Id, "└─ $($second.Id)"
        $lines = Get-View $tree
        $lines -match "└─ $($second.Id) .*Incremental .*\d+-\d+-\d+ " | Should -HaveCount 1
        $lines | ForEach-Object { $_.Length | Should -BeLessOrEqual 80 }
        Get-View $tree -Width 80 -Format { $input | Format-List | Out-String -Width 80 } | Should -Contain 'Mode        : push'
    }

    It 'fits the table in 80 columns' {
        Get-View (Get-VMBackup -Repository ./repo) | ForEach-Object { $_.Length | Should -BeLessOrEqual 80 }
        Get-View (Get-VMBackup -Repository ./repo).Disks | ForEach-Object { $_.Length | Should -BeLessOrEqual 80 }
    }

    It 'gives documents of libvirt' {
        $documents = Get-VMBackup web1 ./repo -AsXml
        $documents | Should -HaveCount 2
        $document = ([xml](Get-VMBackup web1 ./repo -Id $second.Id -AsXml)).domainbackup
        $document.mode | Should -Be push
        $document.disks.disk.backupmode | Should -Be incremental
        $document.disks.disk.incremental | Should -Be $first.Checkpoint
        $document.disks.disk.target.file | Should -Be $second.Disks[0].Path
    }

    It 'completes ids, the newest first, from where the session is' {
        $said = (TabExpansion2 'Get-VMBackup web1 ./repo -Id ').CompletionMatches
        $said.CompletionText | Should -Be $second.Id, $first.Id
        $said[0].ToolTip | Should -BeLike 'incremental backup of web1, *iB'
        (TabExpansion2 'Backup-VMDomain web1 -Repository ./repo -Differential -Since 2').CompletionMatches.CompletionText | Should -Contain $first.Id
        (TabExpansion2 'Restore-VMBackup web1 ./repo -Destination x -Id ').CompletionMatches.CompletionText | Should -Contain $first.Id
        { TabExpansion2 'Get-VMBackup web1 ./nosuch -Id ' } | Should -Not -Throw
    }

    It 'says that nothing is there' {
        { Get-VMBackup -Repository ./nosuch -ErrorAction Stop } | Should -Throw -ErrorId 'BackupRepositoryMissing,*'
        { Get-VMBackup web9 ./repo -ErrorAction Stop } | Should -Throw -ErrorId 'BackupDomainNotFound,*'
        { Get-VMBackup -Repository ./repo -Id nosuch -ErrorAction Stop } | Should -Throw -ErrorId 'BackupNotFound,*'
    }

    It 'reports a broken manifest, and gives the others' {
        $manifest = Get-ChildItem ./repo/web2 -Recurse -Filter manifest.json
        Set-Content $manifest.FullName '{'
        Get-VMBackup -Repository ./repo -ErrorVariable failures -ErrorAction SilentlyContinue | Should -HaveCount 2
        $failures | Should -HaveCount 1
        $failures[0].FullyQualifiedErrorId | Should -BeLike 'BackupManifestBroken,*'
    }
}
