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
